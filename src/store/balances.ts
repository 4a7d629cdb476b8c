import type { Database } from "better-sqlite3";
import type { TickRange } from "../core/amm/ticks.ts";
import type { Day } from "../core/day.ts";
import { type Address, toAddress } from "../core/hex.ts";
import { rangeOf } from "./accounts.ts";

/** A row of `provider_balances` to write. */
export interface ProviderBalance {
  readonly provider: Address;
  readonly total: bigint | null;
  readonly weighted: bigint | null;
  /** Null while an unpriced day decides it. */
  readonly tier: number | null;
  readonly lastUpdated: string;
}

/** The newest block that changed an address's accounts in one pool, held by itself or through one wrapper. */
interface LastChange {
  readonly provider: Address;
  readonly pool: Address;
  readonly via: Address | "";
  readonly block: number;
}

/** What an address has in a position, by itself or through a wrapper. */
export interface OpenAccount {
  readonly provider: Address;
  readonly pool: Address;
  readonly via: Address | "";
  readonly balance: bigint;
  readonly range: TickRange | null;
}

type OpenRow = readonly [
  provider: Address,
  pool: Address,
  via: Address | "",
  liquidity: string,
  tickLower: number | null,
  tickUpper: number | null,
];

/** `provider_balances`, and the accounts a provider's total is made of. */
export class BalancesTable {
  readonly #lastChanges;
  readonly #changedSince;
  readonly #openOf;
  readonly #holders;
  readonly #firstSeen;
  readonly #insert;
  readonly #update;
  readonly #remove;
  readonly #timestamp;

  constructor(db: Database) {
    this.#lastChanges = db.prepare<[string], LastChange>(`
      select provider_address as provider, pool_address as pool, via_address as via, max(updated_block) as block
      from accounts
      where provider_address in (select value from json_each(?)) and kind = 'holder'
      group by provider_address, pool_address, via_address`);
    this.#changedSince = db
      .prepare<[number], [Address, number]>(`
      select accounts.provider_address, max(postings.block_number)
      from postings
      cross join accounts using (account_id)
      where postings.block_number >= ? and accounts.kind = 'holder'
      group by accounts.provider_address`)
      .raw();
    this.#openOf = db
      .prepare<[string], OpenRow>(`
      select provider_address, pool_address, via_address, liquidity, tick_lower, tick_upper
      from accounts
      where provider_address in (select value from json_each(?)) and kind = 'holder' and liquidity <> '0'`)
      .raw();
    this.#holders = db
      .prepare<[string, number], string>(`
      select distinct provider_address
      from accounts
      where provider_address > ? and kind = 'holder'
      order by provider_address
      limit ?`)
      .pluck();
    this.#firstSeen = db
      .prepare<[string], Day | null>(`
      select substr(processed_blocks.block_timestamp, 1, 10)
      from processed_blocks
      where block_number = (
        select min(postings.block_number)
        from accounts
        join postings using (account_id)
        where accounts.provider_address = ? and accounts.kind = 'holder' and postings.balance_after <> '0'
      )`)
      .pluck();
    this.#insert = db.prepare(`
      insert into provider_balances
        (provider_address, total_liquidity, weighted_liquidity, current_tier, first_seen_date, last_updated, metadata)
      values (?, ?, ?, ?, ?, ?, '{}')`);
    this.#update = db.prepare(`
      update provider_balances
      set total_liquidity = ?, weighted_liquidity = ?, current_tier = ?, last_updated = ?
      where provider_address = ?`);
    this.#remove = db.prepare("delete from provider_balances where provider_address = ?");
    this.#timestamp = db
      .prepare<[number], string>("select block_timestamp from processed_blocks where block_number = ?")
      .pluck();
  }

  /** Every address with a holder account, special ones included, so many at a time. */
  *everyHolder(limit: number): Generator<readonly Address[]> {
    for (let last: Address | "" | undefined = ""; last !== undefined; ) {
      const chunk: readonly Address[] = this.#holders.all(last, limit).map(toAddress);
      if (chunk.length > 0) yield chunk;
      last = chunk.at(-1);
    }
  }

  /** When the accounts of these addresses changed last, by pool and wrapper. */
  lastChanges(providers: readonly Address[]): readonly LastChange[] {
    return this.#lastChanges.all(JSON.stringify(providers));
  }

  /** When holders' accounts changed last, of those that changed in a block or after it. */
  changedSince(block: number): ReadonlyMap<Address, number> {
    return new Map(this.#changedSince.all(block));
  }

  /** The accounts of these addresses that hold something. */
  openOf(providers: readonly Address[]): readonly OpenAccount[] {
    const accounts: OpenAccount[] = [];
    for (const row of this.#openOf.all(JSON.stringify(providers))) {
      const [provider, pool, via, liquidity, tick_lower, tick_upper] = row;
      accounts.push({ provider, pool, via, balance: BigInt(liquidity), range: rangeOf({ tick_lower, tick_upper }) });
    }
    return accounts;
  }

  /** Block time of a stored block. */
  timeOf(blockNumber: number): string | undefined {
    return this.#timestamp.get(blockNumber);
  }

  /** These addresses are no providers. */
  remove(addresses: readonly Address[]): void {
    for (const address of addresses) this.#remove.run(address);
  }

  /** Writes a balance; an address that never had anything gets no row. */
  put(balance: ProviderBalance): void {
    const { provider, total, weighted, tier, lastUpdated } = balance;
    if (this.#update.run(total, weighted, tier, lastUpdated, provider).changes > 0) return;
    const firstSeen = this.#firstSeen.get(provider);
    if (firstSeen) this.#insert.run(provider, total, weighted, tier, firstSeen, lastUpdated);
  }
}
