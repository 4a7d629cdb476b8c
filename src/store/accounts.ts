import type { Database } from "better-sqlite3";
import type { Account, AccountKey, AccountKind, StoredAccount } from "../core/accounting/accounts.ts";
import type { BooksSource, PositionToken } from "../core/accounting/working-set.ts";
import type { TickRange } from "../core/amm/ticks.ts";
import { secOf } from "../core/day.ts";
import { type Address, toAddress, toPoolId } from "../core/hex.ts";
import type { StatesTable } from "./states.ts";

export interface AccountRow {
  readonly account_id: number;
  readonly pool_address: Address;
  readonly kind: AccountKind;
  readonly position_id: string;
  readonly provider_address: Address;
  readonly via_address: Address | "";
  readonly tick_lower: number | null;
  readonly tick_upper: number | null;
  readonly liquidity: string;
  readonly opened_block: number;
  readonly updated_block: number;
}

interface TokenRow {
  readonly manager_address: string;
  readonly token_id: string;
  readonly pool_address: string;
  readonly position_id: string;
  readonly tick_lower: number;
  readonly tick_upper: number;
  readonly owner_address: string;
  readonly claimant_address: string | null;
  readonly opened_block: number;
}

export const ACCOUNT_COLUMNS = `
  accounts.account_id, accounts.pool_address, accounts.kind, accounts.position_id, accounts.provider_address,
  accounts.via_address, accounts.tick_lower, accounts.tick_upper, accounts.liquidity, accounts.opened_block, accounts.updated_block`;

/** Accounts and position tokens: the side of the store that the books read from and are written back to. */
export class AccountsTable implements BooksSource {
  readonly #states: StatesTable;
  readonly #find;
  readonly #findToken;
  readonly #open;
  readonly #lastId;
  readonly #digest;
  readonly #rampEnd;
  readonly #sampled;
  readonly #putAccount;
  readonly #updateAccount;
  /** The highest id that was written: most accounts up to it exist. */
  #written = 0;
  readonly #putToken;

  constructor(db: Database, states: StatesTable) {
    this.#states = states;
    this.#find = db.prepare<[string, string, string, string, string], AccountRow>(`
      select ${ACCOUNT_COLUMNS}
      from accounts
      where pool_address = ? and kind = ? and position_id = ? and provider_address = ? and via_address = ?`);
    this.#findToken = db.prepare<[string, string], TokenRow>(`
      select *
      from position_tokens
      where manager_address = ? and token_id = ?`);
    this.#open = db.prepare<[string], AccountRow & { custodian: string }>(`
      select ${ACCOUNT_COLUMNS}, coalesce(position_tokens.manager_address, accounts.provider_address) as custodian
      from accounts
      left join position_tokens
        on position_tokens.pool_address = accounts.pool_address
        and position_tokens.position_id = accounts.position_id
      where accounts.pool_address = ? and accounts.kind = 'holder' and accounts.liquidity <> '0'`);
    this.#lastId = db.prepare<[], number | null>("select max(account_id) from accounts").pluck();
    this.#digest = db
      .prepare<[string], string>(
        "select digest from pool_digests where pool_address = ? order by block_number desc limit 1",
      )
      .pluck();
    this.#rampEnd = db
      .prepare<[string], number>(`
        select cast(coalesce(args ->> '$.future_time', args ->> '$.t') as integer)
        from lp_events
        where pool_address = ? and event in ('RampA', 'StopRampA')
        order by block_number desc, log_index desc
        limit 1`)
      .pluck();
    this.#sampled = db
      .prepare<[string], string>(`
        select block_timestamp
        from lp_events
        where pool_address = ? and event in ('AddLiquidity', 'RemoveLiquidityImbalance')
        order by block_number desc, log_index desc
        limit 1`)
      .pluck();
    this.#putAccount = db.prepare(`
      insert into accounts
        (account_id, pool_address, kind, position_id, provider_address, via_address, tick_lower, tick_upper, liquidity,
         opened_block, updated_block)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (account_id) do update
      set liquidity = excluded.liquidity, updated_block = excluded.updated_block`);
    this.#updateAccount = db.prepare("update accounts set liquidity = ?, updated_block = ? where account_id = ?");
    this.#putToken = db.prepare(`
      insert into position_tokens
        (manager_address, token_id, pool_address, position_id, tick_lower, tick_upper, owner_address, opened_block,
         claimant_address)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?)
      on conflict (manager_address, token_id) do update
      set owner_address = excluded.owner_address, claimant_address = excluded.claimant_address`);
  }

  findAccount(key: AccountKey): StoredAccount | undefined {
    const row = this.#find.get(key.pool, key.kind, key.position, key.provider, key.via ?? "");
    return row && accountOf(row);
  }

  findToken(manager: Address, tokenId: string): PositionToken | undefined {
    const row = this.#findToken.get(manager, tokenId);
    return (
      row && {
        manager,
        tokenId,
        pool: toPoolId(row.pool_address),
        position: row.position_id,
        range: { tickLower: row.tick_lower, tickUpper: row.tick_upper },
        owner: toAddress(row.owner_address),
        claimant: row.claimant_address === null ? null : toAddress(row.claimant_address),
        openedBlock: row.opened_block,
      }
    );
  }

  *openAccounts(pool: Address): Iterable<StoredAccount & { readonly custodian: Address }> {
    for (const row of this.#open.all(pool)) yield { ...accountOf(row), custodian: toAddress(row.custodian) };
  }

  poolState(pool: Address): ReturnType<BooksSource["poolState"]> {
    return this.#states.atOrBelow(pool, Number.MAX_SAFE_INTEGER);
  }

  poolDigest(pool: Address): string {
    return this.#digest.get(pool) ?? "";
  }

  rampEndSec(pool: Address): number | undefined {
    return this.#rampEnd.get(pool);
  }

  sampledSec(pool: Address): number | undefined {
    const time = this.#sampled.get(pool);
    return time === undefined ? undefined : secOf(time);
  }

  nextAccountId(): number {
    return (this.#lastId.get() ?? 0) + 1;
  }

  put(account: Account): void {
    const { id, balance, updatedBlock } = account;
    if (id <= this.#written && this.#updateAccount.run(balance.toString(), updatedBlock, id).changes > 0) return;
    this.#written = Math.max(this.#written, id);
    this.#putAccount.run(
      account.id,
      account.pool,
      account.kind,
      account.position,
      account.provider,
      account.via ?? "",
      account.range?.tickLower ?? null,
      account.range?.tickUpper ?? null,
      account.balance.toString(),
      account.openedBlock,
      account.updatedBlock,
    );
  }

  putToken(token: PositionToken): void {
    this.#putToken.run(
      token.manager,
      token.tokenId,
      token.pool,
      token.position,
      token.range.tickLower,
      token.range.tickUpper,
      token.owner,
      token.openedBlock,
      token.claimant,
    );
  }
}

export function accountOf(row: AccountRow): StoredAccount {
  return {
    id: row.account_id,
    pool: row.pool_address,
    kind: row.kind,
    position: row.position_id,
    provider: row.provider_address,
    via: row.via_address,
    range: rangeOf(row),
    balance: BigInt(row.liquidity),
    openedBlock: row.opened_block,
    updatedBlock: row.updated_block,
  };
}

/** The range of a position; null for share tokens. */
export function rangeOf(row: Pick<AccountRow, "tick_lower" | "tick_upper">): TickRange | null {
  if (row.tick_lower === null || row.tick_upper === null) return null;
  return { tickLower: row.tick_lower, tickUpper: row.tick_upper };
}
