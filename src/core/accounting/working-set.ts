import type { PoolState } from "../amm/pool-state.ts";
import { rangeId, type TickRange } from "../amm/ticks.ts";
import { invariant } from "../errors.ts";
import type { Address } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import { type Account, type AccountKey, KnownAccounts, opened, type StoredAccount, workingCopy } from "./accounts.ts";
import { type Holder, partsOf } from "./holder.ts";
import type { ReservesBook, SharesBook } from "./pool-books.ts";
import { TicksBook } from "./ticks-book.ts";

/** A position NFT: its pool and range never change, its owner does (zero once burned). */
export interface PositionToken {
  readonly manager: Address;
  readonly tokenId: string;
  readonly pool: Address;
  readonly position: string;
  readonly range: TickRange;
  readonly owner: Address;
  /** The user for whom its owner, a wrapper, holds it. */
  readonly claimant: Address | null;
  readonly openedBlock: number;
}

/** The store's side of the books: what was committed last. */
export interface BooksSource {
  findAccount(key: AccountKey): StoredAccount | undefined;
  findToken(manager: Address, tokenId: string): PositionToken | undefined;
  /** The newest state of a pool, its digest, and every open holder account of it. */
  poolState(pool: Address): PoolState | undefined;
  poolDigest(pool: Address): string;
  /** When the newest announced change of a Curve pool's A is over. */
  rampEndSec(pool: Address): number | undefined;
  /** When a Curve pool last told its invariant. */
  sampledSec(pool: Address): number | undefined;
  openAccounts(pool: Address): Iterable<StoredAccount & { readonly custodian: Address }>;
  nextAccountId(): number;
}

/** Map key of one owner's range (see `rangeId`), as the pool itself knows positions. */
export function custodyKey(custodian: Address, range: string): string {
  return `${custodian}|${range}`;
}

/** Adds to a map of sums; a sum that returns to zero leaves the map. */
export function addTo(sums: Map<string, bigint>, key: string, delta: bigint): void {
  const after = (sums.get(key) ?? 0n) + delta;
  if (after === 0n) sums.delete(key);
  else sums.set(key, after);
}

/** So many accounts and tokens are kept between commits. */
const CACHED_MAX = 5_000;
/**
 * Where there are more, the accounts that hold something stay, unless they are more than these: all are looked through
 * for it.
 */
const CACHED_OPEN_MAX = 4_500;

/**
 * The working copy of the ledger while blocks are applied: read from the store on first use, written back by the
 * store at the end of a batch. After a failed or undone batch it is thrown away whole and never repaired.
 */
export class WorkingSet {
  readonly #source: BooksSource;
  readonly #accounts = new KnownAccounts();
  /** The side of nearly every posting, by pool. */
  readonly #issuance = new Map<Address, Account>();
  readonly #tokens = new Map<string, PositionToken | null>();
  readonly #reserves = new Map<Address, ReservesBook>();
  readonly #ticks = new Map<Address, TicksBook>();
  readonly #shares = new Map<Address, SharesBook>();
  readonly #digests = new Map<Address, string>();
  #dirtyAccounts = new Set<Account>();
  #dirtyTokens = new Map<string, PositionToken>();
  #nextAccountId: number;

  constructor(source: BooksSource) {
    this.#source = source;
    this.#nextAccountId = source.nextAccountId();
  }

  /** The contra account of a pool. */
  issuance(pool: Pool, blockNumber: number): Account {
    const known = this.#issuance.get(pool.address);
    if (known !== undefined) return known;
    const account = this.#account(pool, issuanceOf(pool), null, blockNumber);
    this.#issuance.set(pool.address, account);
    return account;
  }

  /** The account of a position and holder, opened at `blockNumber` with a zero balance where it does not exist. */
  holding(pool: Pool, position: string, holder: Holder, range: TickRange | null, blockNumber: number): Account {
    return this.#account(pool, holderKey(pool, position, holder), range, blockNumber);
  }

  /** What a holder has in a position, without opening an account that does not exist. */
  held(pool: Pool, position: string, holder: Holder): bigint {
    return this.#find(pool, holderKey(pool, position, holder))?.balance ?? 0n;
  }

  /** What all holders of a pool have together. */
  issued(pool: Pool): bigint {
    return -(this.#find(pool, issuanceOf(pool))?.balance ?? 0n);
  }

  #account(pool: Pool, key: AccountKey, range: TickRange | null, blockNumber: number): Account {
    let account = this.#find(pool, key);
    if (account === undefined) {
      account = opened(this.#nextAccountId++, key, range, blockNumber);
      this.#accounts.add(account);
    }
    return account;
  }

  /** The one way to an account: its pool's own book is read first, while the store is all there is of the pool. */
  #find(pool: Pool, key: AccountKey): Account | undefined {
    this.#requireOpen(pool);
    const known = this.#accounts.get(key);
    if (known !== undefined) return known;
    const stored = this.#source.findAccount(key);
    if (stored === undefined) return undefined;
    const account = workingCopy(stored);
    this.#accounts.add(account);
    return account;
  }

  /** Sets a balance and marks the account for writing. */
  setBalance(account: Account, balance: bigint, blockNumber: number): void {
    account.balance = balance;
    account.updatedBlock = blockNumber;
    this.#dirtyAccounts.add(account);
  }

  token(manager: Address, tokenId: string): PositionToken | undefined {
    const name = `${manager}|${tokenId}`;
    let token = this.#tokens.get(name);
    if (token === undefined) {
      token = this.#source.findToken(manager, tokenId) ?? null;
      this.#tokens.set(name, token);
    }
    return token ?? undefined;
  }

  putToken(token: PositionToken): void {
    const name = `${token.manager}|${token.tokenId}`;
    this.#tokens.set(name, token);
    this.#dirtyTokens.set(name, token);
  }

  reserves(pool: Pool): ReservesBook {
    return this.#reserves.get(pool.address) ?? this.#openReserves(pool);
  }

  shares(pool: Pool): SharesBook {
    return this.#shares.get(pool.address) ?? this.#openShares(pool);
  }

  ticks(pool: Pool): TicksBook {
    return this.#ticks.get(pool.address) ?? this.#openTicks(pool);
  }

  #requireOpen(pool: Pool): void {
    switch (pool.form) {
      case "reserves":
        this.reserves(pool);
        return;
      case "shares":
        this.shares(pool);
        return;
      case "ticks":
        this.ticks(pool);
    }
  }

  // These read the store alone: no change of the pool can have been made to the working copies before.

  #openReserves(pool: Pool): ReservesBook {
    const state = this.#source.poolState(pool.address);
    const stored = state?.kind === "reserves" ? state : undefined;
    this.#requireIssued(pool, stored?.supply ?? 0n);
    const book: ReservesBook = {
      supply: stored?.supply ?? 0n,
      reserves: stored === undefined ? null : [stored.reserve0, stored.reserve1],
      before: null,
      issued: [],
      redeemed: 0n,
      isFirst: false,
      fees: [0n, 0n],
      kLast: null,
    };
    this.#reserves.set(pool.address, book);
    return book;
  }

  #openShares(pool: Pool): SharesBook {
    const state = this.#source.poolState(pool.address);
    const stored = state?.kind === "shares" ? state : undefined;
    this.#requireIssued(pool, stored?.supply ?? 0n);
    const book: SharesBook = {
      supply: stored?.supply ?? 0n,
      amounts: stored?.amounts ?? null,
      shareValueE36: stored?.shareValueE36 ?? null,
      fallsUntilSec: this.#source.rampEndSec(pool.address) ?? -1,
      sampledSec: this.#source.sampledSec(pool.address) ?? 0,
    };
    this.#shares.set(pool.address, book);
    return book;
  }

  #requireIssued(pool: Pool, supply: bigint): void {
    const issued = -(this.#source.findAccount(issuanceOf(pool))?.balance ?? 0n);
    const what = `the database has a share supply of ${supply} for pool ${pool.address}, but accounts of ${issued}`;
    invariant(issued === supply, "STATE_SUPPLY", what);
  }

  #openTicks(pool: Pool): TicksBook {
    const state = this.#source.poolState(pool.address);
    const stored = state?.kind === "ticks" ? state : undefined;
    const price = stored === undefined ? null : { sqrtPriceX96: stored.sqrtPriceX96, tick: stored.tick };
    const amounts = pool.caveats.includes("rebasing-token") ? null : (stored?.amounts ?? null);
    const book = new TicksBook(price, amounts);
    for (const account of this.#source.openAccounts(pool.address)) {
      if (account.range === null) continue;
      book.ticks.change(account.range, account.balance);
      if (!pool.salted && pool.managers.includes(account.custodian))
        addTo(book.managed, custodyKey(account.custodian, rangeId(account.range)), account.balance);
    }
    invariant(
      stored === undefined || stored.liquidity === book.ticks.active,
      "STATE_LIQUIDITY",
      `the database has an active liquidity of ${stored?.liquidity ?? 0n} for pool ${pool.address}, but positions of ${book.ticks.active}`,
    );
    this.#ticks.set(pool.address, book);
    return book;
  }

  /** The state to store at the end of a block, or undefined before the pool's first price. */
  stateOf(pool: Pool): PoolState | undefined {
    switch (pool.form) {
      case "reserves": {
        const { supply, reserves } = this.reserves(pool);
        return { kind: "reserves", supply, reserve0: reserves?.[0] ?? 0n, reserve1: reserves?.[1] ?? 0n };
      }
      case "shares": {
        const { supply, amounts, shareValueE36 } = this.shares(pool);
        return { kind: "shares", supply, amounts, shareValueE36 };
      }
      case "ticks": {
        const { price, ticks, amounts } = this.ticks(pool);
        return price === null ? undefined : { kind: "ticks", ...price, liquidity: ticks.active, amounts };
      }
    }
  }

  digest(pool: Address): string {
    let digest = this.#digests.get(pool);
    if (digest === undefined) {
      digest = this.#source.poolDigest(pool);
      this.#digests.set(pool, digest);
    }
    return digest;
  }

  setDigest(pool: Address, digest: string): void {
    this.#digests.set(pool, digest);
  }

  /** Accounts and tokens changed since the last call; the caller writes them. */
  takeChanges(): { readonly accounts: Iterable<Account>; readonly tokens: Iterable<PositionToken> } {
    const accounts = this.#dirtyAccounts;
    const tokens = this.#dirtyTokens.values();
    this.#dirtyAccounts = new Set();
    this.#dirtyTokens = new Map();
    return { accounts, tokens };
  }

  /** Keeps memory flat: forgets clean accounts and tokens once there are many. Call only after a commit. */
  shrink(): void {
    invariant(this.#dirtyAccounts.size === 0, "BOOKS_DIRTY", "the books were shrunk before their changes were written");
    if (this.#accounts.size > CACHED_MAX) {
      this.#accounts.shrinkTo(CACHED_OPEN_MAX);
      this.#issuance.clear();
    }
    if (this.#tokens.size > CACHED_MAX) this.#tokens.clear();
  }
}

/** The account of a position, held by a provider itself or through a wrapper. */
function holderKey(pool: Pool, position: string, holder: Holder): AccountKey {
  const { provider, via } = partsOf(holder);
  return { pool: pool.address, position, provider, via, kind: "holder" };
}

/** The contra account of a pool. */
function issuanceOf(pool: Pool): AccountKey {
  return { pool: pool.address, position: "", provider: pool.address, kind: "issuance" };
}
