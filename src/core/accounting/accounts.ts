import type { TickRange } from "../amm/ticks.ts";
import type { Address } from "../hex.ts";

/** `issuance` is the contra side of a pool: minus the sum of all holders. */
export type AccountKind = "holder" | "issuance";

/** What identifies an account; `position` is "" for share tokens and for issuance. */
export interface AccountKey {
  readonly pool: Address;
  readonly position: string;
  readonly provider: Address;
  /** The wrapper that holds it for the provider; "" or left out where nobody stands between. */
  readonly via?: Address | "";
  readonly kind: AccountKind;
}

/** An account as the store keeps it; `balance` is in units of shares or of L. */
export interface StoredAccount extends AccountKey {
  readonly id: number;
  readonly range: TickRange | null;
  readonly balance: bigint;
  readonly openedBlock: number;
  readonly updatedBlock: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type Account = Mutable<StoredAccount>;

// Both name every field in one order: objects that came to be in different ways are slow to read side by side.
export function workingCopy(stored: StoredAccount): Account {
  const { id, pool, kind, position, provider, via, range, balance, openedBlock, updatedBlock } = stored;
  return { id, pool, kind, position, provider, via: via ?? "", range, balance, openedBlock, updatedBlock };
}

export function opened(id: number, key: AccountKey, range: TickRange | null, block: number): Account {
  const { pool, kind, position, provider, via } = key;
  const [balance, openedBlock, updatedBlock] = [0n, block, block];
  return { id, pool, kind, position, provider, via: via ?? "", range, balance, openedBlock, updatedBlock };
}

const NONE: readonly Account[] = [];

/**
 * Accounts by what identifies them: by provider and position nearly all are told apart, and one long key costs more.
 */
export class KnownAccounts {
  readonly #byProvider = new Map<Address, Map<string, Account[]>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ pool, kind, position, provider, via = "" }: AccountKey): Account | undefined {
    for (const each of this.#byProvider.get(provider)?.get(position) ?? NONE)
      if (each.pool === pool && each.kind === kind && each.via === via) return each;
    return undefined;
  }

  add(account: Account): void {
    const { provider, position } = account;
    const ofProvider = this.#byProvider.get(provider) ?? new Map<string, Account[]>();
    if (ofProvider.size === 0) this.#byProvider.set(provider, ofProvider);
    const known = ofProvider.get(position);
    if (known === undefined) ofProvider.set(position, [account]);
    else known.push(account);
    this.#size += 1;
  }

  /**
   * Forgets positions in which nobody holds anything, which are seldom asked for again; all where more than `most` are
   * left.
   */
  shrinkTo(most: number): void {
    let size = 0;
    for (const [provider, ofProvider] of this.#byProvider) {
      for (const [position, known] of ofProvider) {
        if (known.some(({ balance }) => balance !== 0n)) size += known.length;
        else ofProvider.delete(position);
      }
      if (ofProvider.size === 0) this.#byProvider.delete(provider);
    }
    if (size > most) this.#byProvider.clear();
    this.#size = size > most ? 0 : size;
  }
}
