import type { Database } from "better-sqlite3";
import type { StoredAccount } from "../../core/accounting/accounts.ts";
import { type Address, toAddress } from "../../core/hex.ts";
import { type CanonicalProgramme, creditedByCanonical } from "../../core/programme/canonical.ts";
import type { IsCredited } from "../../core/programme/programme.ts";
import { ACCOUNT_COLUMNS, type AccountRow, accountOf } from "../accounts.ts";
import { UNKNOWN_BY_QUARANTINE } from "../left-out.ts";

/** An account with who holds it on chain: the position manager of an NFT, else the provider. */
export interface HeldAccount extends StoredAccount {
  readonly custodian: Address;
  readonly tokenId: string | null;
}

/** Some accounts, by chance: at most `count` that follow a random place among all there are. */
export function someAccounts(db: Database, count: number, random: () => number): readonly number[] {
  const last = Number(db.prepare("select coalesce(max(account_id), 0) from accounts").pluck().get());
  const found = new Set<number>();
  const next = db.prepare<[number], number>(
    "select account_id from accounts where account_id >= ? and kind = 'holder' order by account_id limit 1",
  );
  for (let i = 0; i < count; i++) {
    const id = next.pluck().get(1 + Math.floor(random() * last));
    if (id !== undefined) found.add(id);
  }
  return [...found];
}

/** One pool, by chance, of which no log was read; undefined where there is none. */
export function someSilentPool(db: Database, random: () => number): string | undefined {
  const silent = db
    .prepare<[], string>(
      `select pool_address from pools
       where not exists (select 1 from accounts where accounts.pool_address = pools.pool_address)
         and not exists (select 1 from pool_states where pool_states.pool_address = pools.pool_address)
       order by 1`,
    )
    .pluck()
    .all();
  return silent[Math.floor(random() * silent.length)];
}

/** Every account as it stood at the end of a block, or only those of `ids`; those with a zero balance left out. */
export function accountsAt(db: Database, blockNumber: number, ids?: readonly number[]): readonly HeldAccount[] {
  const rows = db
    .prepare<
      { block: number; ids?: string },
      AccountRow & { balance_then: string; manager_address: string | null; token_id: string | null }
    >(`
      select
        ${ACCOUNT_COLUMNS},
        position_tokens.manager_address,
        position_tokens.token_id,
        (select balance_after
         from postings
         where postings.account_id = accounts.account_id and postings.block_number <= @block
         order by block_number desc, log_index desc, leg desc
         limit 1) as balance_then
      from accounts
      left join position_tokens
        on position_tokens.pool_address = accounts.pool_address
        and position_tokens.position_id = accounts.position_id
      where accounts.opened_block <= @block ${ids === undefined ? "" : "and accounts.account_id in (select value from json_each(@ids))"} and balance_then is not null and balance_then <> '0'
      order by
        accounts.pool_address, accounts.position_id, accounts.provider_address, accounts.kind, accounts.via_address`)
    .all({ block: blockNumber, ...(ids === undefined ? {} : { ids: JSON.stringify(ids) }) });
  return rows.map((row) => {
    const account = accountOf({ ...row, liquidity: row.balance_then });
    const custodian = row.manager_address === null ? account.provider : toAddress(row.manager_address);
    return { ...account, custodian, tokenId: row.token_id };
  });
}

/** One line of `export positions`. */
export interface PositionLine {
  readonly pool: string;
  readonly protocol: string;
  readonly position: string | null;
  readonly provider: string;
  readonly tickLower: number | null;
  readonly tickUpper: number | null;
  readonly liquidity: string;
}

/** A line of open positions, by what orders them. */
export interface PositionPlace {
  readonly pool: string;
  /** Empty for shares. */
  readonly position: string;
  readonly provider: string;
}

/**
 * Every open position in canonical order: pool, position, provider, as text; what wrappers hold for a provider is
 * added, and what an excluded wrapper holds for its users is the wrapper's own. `after`: only those behind a line.
 */
export function positionLines(db: Database, after?: PositionPlace): Generator<PositionLine> {
  return merged(accountLines(db, after ?? { pool: "", position: "", provider: "" }));
}

/** Whose users are credited, by the programme that the ledger follows. */
export function creditedIn(db: Database): IsCredited {
  const text = db.prepare<[], string>("select value from program_config where key = 'programme'").pluck().get();
  return text === undefined ? () => true : creditedByCanonical(JSON.parse(text) as CanonicalProgramme);
}

/** Lines of one provider in one position as one line; they must come in order. */
export function* merged(lines: Iterable<PositionLine>): Generator<PositionLine> {
  let line: PositionLine | undefined;
  for (const next of lines) {
    if (line?.pool === next.pool && line.position === next.position && line.provider === next.provider) {
      line = { ...line, liquidity: `${BigInt(line.liquidity) + BigInt(next.liquidity)}` };
      continue;
    }
    if (line !== undefined) yield line;
    line = next;
  }
  if (line !== undefined) yield line;
}

/** The protocol of every pool. */
export function protocolsOf(db: Database): ReadonlyMap<string, string> {
  return new Map(db.prepare<[], [string, string]>("select pool_address, protocol from pools").raw().all());
}

function accountLines(db: Database, { pool, position, provider }: PositionPlace): IterableIterator<PositionLine> {
  // Where all users are credited the rows lie in the order that is asked for.
  const isCredited = creditedIn(db);
  const vias = db
    .prepare<[], [pool: string, via: string]>(
      "select distinct pool_address, via_address from accounts where via_address <> ''",
    )
    .raw()
    .all();
  const excluded = vias.filter(([each, via]) => !isCredited(each, via)).map((each) => each.join(" "));
  const holder =
    excluded.length === 0
      ? "positions.provider_address"
      : "iif(positions.pool_address || ' ' || positions.via_address in (select value from json_each(@excluded)), positions.via_address, positions.provider_address)";
  return db
    .prepare<object, PositionLine>(`
      select
        positions.pool_address as pool,
        pools.protocol as protocol,
        positions.position_id as position,
        ${holder} as provider,
        positions.tick_lower as tickLower,
        positions.tick_upper as tickUpper,
        positions.liquidity as liquidity
      from positions
      join pools using (pool_address)
      where (positions.pool_address, coalesce(positions.position_id, ''), ${holder}) > (@pool, @position, @provider)
      order by positions.pool_address, positions.position_id, ${holder}, positions.via_address`)
    .iterate({ pool, position, provider, ...(excluded.length === 0 ? {} : { excluded: JSON.stringify(excluded) }) });
}

export interface Counts {
  readonly events: number;
  readonly postings: number;
  readonly openPositions: number;
  readonly providers: number;
  readonly reorgs: number;
  readonly daysClosed: number;
  readonly unpricedRows: number;
}

/** How much the ledger holds. */
export function countAll(db: Database): Counts {
  return db
    .prepare<[], Counts>(`
      select
        (select count(*) from lp_events) as events,
        (select count(*) from postings) as postings,
        (select count(*) from positions) as openPositions,
        (select count(*) from provider_balances) as providers,
        (select count(*) from reorgs) as reorgs,
        (select count(*) from days) as daysClosed,
        (select count(*) from daily_balances where liquidity_amount is null and not ${UNKNOWN_BY_QUARANTINE}) as unpricedRows`)
    .get() as Counts;
}

export interface LastReorg {
  readonly commonBlock: number;
  readonly depth: number;
  readonly observedAt: string;
}

export function lastReorg(db: Database): LastReorg | undefined {
  return db
    .prepare<[], LastReorg>(`
      select common_block as commonBlock, depth, observed_at as observedAt
      from reorgs
      order by reorg_id desc
      limit 1`)
    .get();
}

/** When the last backup was made that was good. */
export function lastBackup(db: Database): string | undefined {
  return db
    .prepare<[], string>("select started_at from maintenance_runs where kind = 'backup' order by run_id desc limit 1")
    .pluck()
    .get();
}

/** Blocks of the deepest reorg that was undone. */
export function deepestReorg(db: Database): number {
  return Number(db.prepare("select coalesce(max(depth), 0) from reorgs").pluck().get());
}

/** How often something happened that is counted by few rows: always fresh. */
export function smallCounts(db: Database): Pick<Counts, "reorgs" | "daysClosed"> {
  return db
    .prepare<[], Pick<Counts, "reorgs" | "daysClosed">>(
      "select (select count(*) from reorgs) as reorgs, (select count(*) from days) as daysClosed",
    )
    .get() as Pick<Counts, "reorgs" | "daysClosed">;
}
