import { Agent, request } from "node:http";
import Database from "better-sqlite3";
import { isoOf } from "../src/core/day.ts";
import { migrate } from "../src/store/migrate.ts";

// The floor: the smallest honest program that leaves the same event and pool-state rows behind. It fetches the same ranges
// with four in flight, parses, decodes by hand, inserts, adds up one balance per owner, and commits once a batch. It checks
// nothing: no hashes, no reorgs, no identities, no days, no values.
const [, , url = "", path = "", last = "0", blocks = "2000"] = process.argv;
const TOPICS = {
  swap: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
  mint: "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",
  burn: "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c",
  collect: "0x70935338e69775456a85ddef226c395fb668b63fa0115f5f20610b388e6ca9c0",
} as const;
const IN_FLIGHT = 4;

interface Log {
  readonly address: string;
  readonly topics: readonly [string, string, string, string];
  readonly data: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly blockTimestamp: string;
  readonly transactionHash: string;
  readonly logIndex: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
const db = new Database(path);
db.pragma("journal_mode = wal");
db.pragma("synchronous = normal");
migrate(db, path);
db.pragma("foreign_keys = off");
db.exec("create table owners (owner text primary key, liquidity text not null) strict, without rowid");
const insertEvent = db.prepare(`
  insert into lp_events
    (block_number, log_index, block_hash, transaction_hash, block_timestamp, pool_address, protocol, event,
     provider_address, position_id, liquidity_delta, args, log_address, from_side, tick_lower, tick_upper, row_checksum)
  values (?, ?, ?, ?, ?, ?, 'uniswap-v3', ?, ?, ?, ?, ?, ?, ?, ?, ?, '')`);
const insertState = db.prepare(`
  insert into pool_states (pool_address, block_number, block_timestamp, sqrt_price_x96, tick, liquidity, row_checksum)
  values (?, ?, ?, ?, ?, ?, '')`);
const upsert = db.prepare(
  "insert into owners (owner, liquidity) values (?, ?) on conflict (owner) do update set liquidity = excluded.liquidity",
);
const owners = new Map<string, bigint>();

function fetchRange(from: number, to: number): Promise<readonly Log[]> {
  const body = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "eth_getLogs",
    params: [{ fromBlock: `0x${from.toString(16)}`, toBlock: `0x${to.toString(16)}` }],
  });
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: "POST", agent, headers: { "content-type": "application/json" } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve((JSON.parse(Buffer.concat(chunks).toString()) as { result: Log[] }).result));
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

const word = (data: string, i: number): bigint => BigInt(`0x${data.slice(2 + 64 * i, 66 + 64 * i)}`);
const tick = (topic: string): number => Number(BigInt.asIntN(24, BigInt(topic)));

const keep = db.transaction((logs: readonly Log[]) => {
  const touched = new Set<string>();
  let state: { readonly block: number; readonly cells: readonly (string | number)[] } | undefined;
  for (const log of logs) {
    const { topics, data, address } = log;
    const block = Number(log.blockNumber);
    const time = isoOf(Number(log.blockTimestamp));
    if (topics[0] === TOPICS.swap) {
      if (state !== undefined && state.block !== block) insertState.run(...state.cells);
      const at = Number(BigInt.asIntN(24, word(data, 4)));
      state = { block, cells: [address, block, time, `${word(data, 2)}`, at, `${word(data, 3)}`] };
      continue;
    }
    const name =
      topics[0] === TOPICS.mint
        ? "Mint"
        : topics[0] === TOPICS.burn
          ? "Burn"
          : topics[0] === TOPICS.collect
            ? "Collect"
            : undefined;
    if (name === undefined) continue;
    const owner = `0x${topics[1].slice(26)}`;
    const [lower, upper] = [tick(topics[2]), tick(topics[3])];
    const shift = name === "Burn" ? 0 : 1;
    const amounts = [word(data, shift), word(data, shift + 1), name === "Collect" ? 0n : word(data, shift + 2)];
    const delta = name === "Mint" ? (amounts[0] ?? 0n) : name === "Burn" ? -(amounts[0] ?? 0n) : 0n;
    const args = JSON.stringify({ owner, tickLower: lower, tickUpper: upper, amounts: amounts.map(String) });
    insertEvent.run(
      block,
      Number(log.logIndex),
      log.blockHash,
      log.transactionHash,
      time,
      address,
      name,
      owner,
      `${lower}:${upper}`,
      `${delta}`,
      args,
      address,
      name === "Mint" ? "issuance" : null,
      lower,
      upper,
    );
    owners.set(owner, (owners.get(owner) ?? 0n) + delta);
    touched.add(owner);
  }
  if (state !== undefined) insertState.run(...state.cells);
  for (const owner of touched) upsert.run(owner, `${owners.get(owner)}`);
});

const pending: Promise<readonly Log[]>[] = [];
let next = 1;
const end = Number(last);
const fill = (): void => {
  while (pending.length < IN_FLIGHT && next <= end) {
    pending.push(fetchRange(next, Math.min(end, next + Number(blocks) - 1)));
    next += Number(blocks);
  }
};
for (fill(); pending.length > 0; fill()) {
  const logs = await pending.shift();
  if (logs !== undefined) keep(logs);
}
db.close();
agent.destroy();
