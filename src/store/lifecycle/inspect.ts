import type { Database } from "better-sqlite3";
import { chainDigest, type DigestLine, type Sha256, stateDigest } from "../../core/accounting/digest.ts";
import { secOf } from "../../core/day.ts";
import { digestsInQuarantine, type Stops } from "../../core/programme/quarantine.ts";
import { rowChecksum } from "../file/checksum.ts";
import { QuarantinesTable } from "../quarantines.ts";

/** What a ledger file is a state of. */
export interface FileFacts {
  /** Null in files from before ledgers had one. */
  readonly ledgerId: string | null;
  readonly chainId: number | null;
  readonly blockNumber: number | null;
  readonly blockHash: string | null;
  readonly schema: number;
  readonly stateDigest: string | null;
  readonly programmeHash: string | null;
}

/** Reads what a file says of itself; believes it. */
export function factsOf(db: Database): FileFacts {
  const config = (key: string): unknown => {
    const value = db.prepare<[string], string>("select value from program_config where key = ?").pluck().get(key);
    return value === undefined ? null : JSON.parse(value);
  };
  const tip = db
    .prepare<[], { block_number: number; block_hash: string; state_digest: string }>(
      "select block_number, block_hash, state_digest from processed_blocks order by block_number desc limit 1",
    )
    .get();
  return {
    ledgerId: config("ledger_id") as string | null,
    chainId:
      (config("programme") as { chainId?: number } | null)?.chainId ??
      (config("chain") as { chainId: number } | null)?.chainId ??
      null,
    blockNumber: tip?.block_number ?? null,
    blockHash: tip?.block_hash ?? null,
    schema: Number(db.pragma("user_version", { simple: true })),
    stateDigest: tip?.state_digest ?? null,
    programmeHash: config("programme_hash") as string | null,
  };
}

/**
 * Everything that is wrong with a file: SQLite's own checks, foreign keys, and every digest computed again from the
 * postings it stands for. SQLite has no checksums of pages, so the digests are what finds a flipped byte in a value.
 */
export function problemsOf(db: Database, sha256: Sha256): readonly string[] {
  const integrity = db.pragma("integrity_check") as { integrity_check: string }[];
  const problems = integrity.map((row) => row.integrity_check).filter((text) => text !== "ok");
  if (problems.length > 0) return problems.map((text) => `integrity_check: ${text}`);
  const orphans = db.pragma("foreign_key_check") as unknown[];
  if (orphans.length > 0) problems.push(`foreign_key_check: ${orphans.length} rows refer to nothing`);
  return [...problems, ...checksumProblems(db), ...digestProblems(db, sha256)];
}

/**
 * Canonical tables whose rows carry a checksum, each with its key and the wall-clock column that it leaves out. Of
 * columns that were `added` since the first release it leaves out the empty ones at the end.
 */
const CHECKED = [
  { table: "lp_events", key: "block_number, log_index", without: "", added: ["to_side"] },
  { table: "pool_states", key: "pool_address, block_number", without: "", added: ["amounts", "share_value"] },
  {
    table: "feed_answers",
    key: "aggregator_address, block_timestamp, block_number, log_index",
    without: "",
    added: [],
  },
  { table: "token_prices", key: "token_address, date", without: "observed_at", added: [] },
  { table: "quarantined_logs", key: "block_number, log_index", without: "", added: [] },
] satisfies readonly Checked[];

interface Checked {
  readonly table: string;
  readonly key: string;
  readonly without: string;
  readonly added: readonly string[];
}

/** At most one problem a table: the first row whose checksum is not that of its values. */
function checksumProblems(db: Database): readonly string[] {
  return CHECKED.flatMap(({ table, key, without, added }: Checked) => {
    const names = db.prepare<[string], string>("select name from pragma_table_info(?)").pluck().all(table);
    if (names.length === 0) return []; // A file that is about to be migrated may be older than the table.
    const columns = names.filter((name) => name !== "row_checksum" && name !== without);
    const rows = db
      .prepare<[], (string | number | bigint | null)[]>(
        `select ${columns.join(", ")}, row_checksum from ${table} order by ${key}`,
      )
      .safeIntegers()
      .raw();
    for (const row of rows.iterate()) {
      const checksum = row.pop();
      while (row.at(-1) === null && added.includes(columns[row.length - 1] ?? "")) row.pop();
      if (rowChecksum(row) !== checksum)
        return [`a row of ${table} is not what was written: ${key} = ${row.slice(0, 2).join(", ")}`];
    }
    return [];
  });
}

interface PostingRow {
  readonly pool_address: string;
  readonly block_number: number;
  readonly block_hash: string | null;
  readonly log_index: number;
  readonly leg: number;
  readonly kind: DigestLine["kind"];
  readonly position_id: string;
  readonly provider_address: string;
  readonly via_address: string;
  readonly delta: string;
  readonly balance_after: string;
  readonly account_id: number;
}

const PAGE = 5_000;
/** In older files the pools that the programme names counted before their first posting, too. */
const SCHEMA_OF_COUNTED = 14;

const SCHEMA_OF_QUARANTINES = 17;

function stopsOf(db: Database, schema: number): Stops {
  return schema < SCHEMA_OF_QUARANTINES ? new Map() : new QuarantinesTable(db).stops();
}

function digestWithNamed(sha256: Sha256, digests: ReadonlyMap<string, string>): string {
  const lines = [...digests].sort(([a], [b]) => (a < b ? -1 : 1)).map(([address, digest]) => `${address} ${digest}`);
  return sha256(lines.join("\n"));
}

/**
 * Follows the postings from the first to the last: balances, per-pool digests, and the digest of every stored block.
 */
function digestProblems(db: Database, sha256: Sha256): readonly string[] {
  const { chainId, schema } = factsOf(db);
  const named = "select pool_address from pools where metadata ->> '$.factory' is null";
  const pools = db.prepare<[], string>(named).pluck().all();
  const digests = new Map(pools.map((pool) => [pool, ""]));
  const balances = new Map<number, bigint>();
  const stored = db
    .prepare<[string, number], string>("select digest from pool_digests where pool_address = ? and block_number = ?")
    .pluck();
  const blockDigests = db.prepare<[number, number], { block: number; timeIso: string; said: string }>(
    "select block_number as block, block_timestamp as timeIso, state_digest as said from processed_blocks where block_number > ? and block_number <= ? order by block_number",
  );
  const stops = stopsOf(db, schema);
  const expectState = (above: number, upTo: number): string | undefined => {
    const expected = schema < SCHEMA_OF_COUNTED ? digestWithNamed(sha256, digests) : stateDigest(sha256, digests);
    const rows = blockDigests.all(above, upTo);
    const wrong = rows.find(({ said, ...at }) => said !== (stops.size === 0 ? expected : stopped(at)));
    return wrong && `the state digest of block ${wrong.block} is not that of its postings`;
  };
  const stopped = ({ block: blockNumber, timeIso }: { readonly block: number; readonly timeIso: string }): string => {
    const at = { blockNumber, timestampSec: secOf(timeIso) };
    return stateDigest(sha256, digestsInQuarantine(digests, stops, at));
  };
  let above = -1;
  for (const rows of blocksOfPostings(db)) {
    const [{ block_number: block, block_hash: blockHash }] = rows as [PostingRow];
    const before = expectState(above, block - 1);
    if (before !== undefined) return [before];
    for (const row of rows) {
      const after = (balances.get(row.account_id) ?? 0n) + BigInt(row.delta);
      if (after !== BigInt(row.balance_after))
        return [`the balance after block ${block} log ${row.log_index} does not follow from its posting`];
      balances.set(row.account_id, after);
    }
    for (const pool of new Set(rows.map((row) => row.pool_address))) {
      const lines = rows
        .filter((row) => row.pool_address === pool)
        .map((row) => ({
          logIndex: row.log_index,
          kind: row.kind,
          position: row.position_id,
          provider: row.provider_address,
          via: row.via_address,
          delta: BigInt(row.delta),
        }));
      const digest = chainDigest(
        sha256,
        digests.get(pool) ?? "",
        { chainId: chainId ?? 0, blockHash: blockHash ?? "" },
        lines,
      );
      if (stored.get(pool, block) !== digest)
        return [`the digest of pool ${pool} at block ${block} is not that of its postings`];
      digests.set(pool, digest);
    }
    above = block - 1;
  }
  const last = expectState(above, Number.MAX_SAFE_INTEGER);
  return last === undefined ? accountProblems(db, balances) : [last];
}

function accountProblems(db: Database, balances: ReadonlyMap<number, bigint>): readonly string[] {
  for (const row of db
    .prepare<[], { account_id: number; liquidity: string }>("select account_id, liquidity from accounts")
    .iterate()) {
    if (BigInt(row.liquidity) !== (balances.get(row.account_id) ?? 0n)) {
      return [
        `account ${row.account_id} holds ${row.liquidity}, its postings sum to ${balances.get(row.account_id) ?? 0n}`,
      ];
    }
  }
  return [];
}

/** All postings, one block at a time, in ledger order. */
function* blocksOfPostings(db: Database): Generator<readonly PostingRow[]> {
  // A file that is about to be migrated may be older than wrappers.
  const known = db.prepare("select 1 from pragma_table_info('accounts') where name = 'via_address'").get();
  const via = known === undefined ? "''" : "accounts.via_address";
  const page = db.prepare<[number, number, number, number], PostingRow>(`
    select
      accounts.pool_address, postings.block_number, processed_blocks.block_hash, postings.log_index, postings.leg,
      accounts.kind, accounts.position_id, accounts.provider_address, ${via} as via_address, postings.delta, postings.balance_after,
      postings.account_id
    from postings
    join accounts using (account_id)
    left join processed_blocks using (block_number)
    where (postings.block_number, postings.log_index, postings.leg) > (?, ?, ?)
    order by postings.block_number, postings.log_index, postings.leg
    limit ?`);
  let block: PostingRow[] = [];
  for (let after: readonly [number, number, number] = [-1, -1, -1]; ; ) {
    const rows = page.all(...after, PAGE);
    for (const row of rows) {
      if (block[0] !== undefined && block[0].block_number !== row.block_number) {
        yield block;
        block = [];
      }
      block.push(row);
    }
    const last = rows.at(-1);
    if (last === undefined) break;
    after = [last.block_number, last.log_index, last.leg];
  }
  if (block.length > 0) yield block;
}
