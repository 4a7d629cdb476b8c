import type { Database } from "better-sqlite3";
import { tokenAfter } from "../core/accounting/post.ts";
import type { PositionToken } from "../core/accounting/working-set.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import { firstOpenDay } from "./derived-tables.ts";
import { QuarantinedLogsTable } from "./quarantined-logs.ts";
import { QuarantinesTable } from "./quarantines.ts";

/** What an undo touched: the caller refreshes these providers, or all of them when a closed day fell. */
export interface Undone {
  readonly providers: readonly Address[];
  readonly daysReopened: number;
  /** Something is in quarantine no more. */
  readonly isQuarantine: boolean;
  readonly blocks: number;
}

/**
 * Takes back everything above block `above`: block-keyed rows, the days that blocks above it closed, and the balances
 * and token owners that rested on them. The caller holds the transaction and throws the books away.
 */
export function undoAbove(db: Database, above: number): Undone {
  const all = <T>(sql: string, ...args: unknown[]): T[] => db.prepare(sql).all(...args) as T[];
  const run = (sql: string, ...args: unknown[]): number => db.prepare(sql).run(...args).changes;

  const touched = all<{ account_id: number; provider_address: string; kind: string }>(
    `select account_id, provider_address, kind
     from accounts
     where account_id in (select account_id from postings where block_number > ?)`,
    above,
  );
  const tokens = all<TokenRow>(
    `select distinct position_tokens.*
     from lp_events
     join position_tokens using (pool_address, position_id)
     where block_number > ? and event in ('Transfer', 'DepositTransferred')`,
    above,
  );
  const days = all<{ date: string }>("select date from days where closed_block > ? order by date", above);

  const isQuarantine = new QuarantinesTable(db).undoAbove(above);
  new QuarantinedLogsTable(db).forgetAbove(above);
  // What a final day was priced with stays, also where the block that closed it was read with later ones.
  const open = firstOpenDay(db, above);
  for (const { date } of days) {
    for (const table of ["daily_balances", "late_values", "provider_days", "epoch_weights", "pool_days", "days"])
      run(`delete from ${table} where date = ?`, date);
    if (date >= open) run("delete from token_prices where date = ?", date);
  }
  // What was only calculated rests on days that are open again; what is final stays, and is compared by the caller.
  const calculated = "select epoch from reward_epochs where state = 'calculated' and end_date > ?";
  for (const table of ["rewards", "reward_epochs"])
    if (days[0] !== undefined) run(`delete from ${table} where epoch in (${calculated})`, days[0].date);
  for (const table of ["postings", "lp_events", "feed_answers"])
    run(`delete from ${table} where block_number > ?`, above);
  for (const { pool_address: pool } of all<{ pool_address: string }>("select pool_address from pools")) {
    // Pool by pool, along the primary key: an undo must not cost what the whole history does.
    run("delete from pool_states where pool_address = ? and block_number > ?", pool, above);
    run("delete from pool_digests where pool_address = ? and block_number > ?", pool, above);
  }
  const born = all<{ pool_address: string }>("select pool_address from pools where metadata ->> '$.block' > ?", above);
  const blocks = run("delete from processed_blocks where block_number > ?", above);

  for (const { account_id: id } of touched) restoreAccount(db, id);
  for (const token of tokens) restoreToken(db, token);

  // Pools that were made above it are no more; nothing of theirs is left that refers to them, and no account without a
  // posting.
  for (const { pool_address: pool } of born) {
    for (const table of ["pool_days", "daily_balances", "late_values", "position_tokens", "pools"])
      run(`delete from ${table} where pool_address = ?`, pool);
  }

  // Before it was made, a pool's address may have been a provider.
  const were = born.map(({ pool_address: pool }) => toPoolId(pool));
  const holders = touched.filter(({ kind }) => kind === "holder").map((row) => toAddress(row.provider_address));
  const providers = [...holders, ...were];
  for (const provider of providers) run("delete from provider_balances where provider_address = ?", provider);
  return { providers: [...new Set(providers)], daysReopened: days.length, isQuarantine, blocks };
}

/** An account's balance is that of its last posting; without postings it never was. */
function restoreAccount(db: Database, id: number): void {
  const last = db
    .prepare<[number], { balance_after: string; block_number: number }>(`
      select balance_after, block_number
      from postings
      where account_id = ?
      order by block_number desc, log_index desc, leg desc
      limit 1`)
    .get(id);
  if (last === undefined) db.prepare("delete from accounts where account_id = ?").run(id);
  else
    db.prepare("update accounts set liquidity = ?, updated_block = ? where account_id = ?").run(
      last.balance_after,
      last.block_number,
      id,
    );
}

interface TokenRow {
  readonly manager_address: string;
  readonly token_id: string;
  readonly pool_address: string;
  readonly position_id: string;
  readonly tick_lower: number;
  readonly tick_upper: number;
  readonly opened_block: number;
}

/** Who has a position NFT follows from the events of it that are left; without any it was never minted. */
function restoreToken(db: Database, row: TokenRow): void {
  const { manager_address: manager, token_id: tokenId, pool_address: pool, position_id: position } = row;
  const events = db
    .prepare<{ manager: string; pool: string; position: string }, { event: string; args: string; emitter: string }>(`
      select event, args, log_address as emitter, block_number, log_index
      from lp_events
      where log_address = @manager and position_id = @position and event = 'Transfer' and tick_lower is not null
      union all
      select event, args, log_address as emitter, block_number, log_index
      from lp_events
      where pool_address = @pool and position_id = @position and event = 'DepositTransferred'
      order by block_number, log_index`)
    .all({ manager, pool, position });
  const of = { address: toPoolId(pool), managers: [toAddress(manager)] };
  const range = { tickLower: row.tick_lower, tickUpper: row.tick_upper };
  let token: PositionToken | undefined;
  for (const { event: name, args, emitter } of events) {
    const event = { name, args: JSON.parse(args), emitter: toAddress(emitter), pool: of, position, range };
    token = tokenAfter(token, event, row.opened_block);
  }
  if (token === undefined)
    db.prepare("delete from position_tokens where manager_address = ? and token_id = ?").run(manager, tokenId);
  else
    db.prepare(
      "update position_tokens set owner_address = ?, claimant_address = ? where manager_address = ? and token_id = ?",
    ).run(token.owner, token.claimant, manager, tokenId);
}
