import { Agent, request } from "node:http";
import Database from "better-sqlite3";
import { isoOf } from "../src/core/day.ts";
import { rowChecksum } from "../src/store/file/checksum.ts";
import { migrate } from "../src/store/file/migrate.ts";

// The floor: the smallest honest program that leaves the same event and pool-state rows behind. It fetches the same
// ranges with four in flight, parses, decodes by hand, inserts, adds up one balance per owner, and commits once a
// batch. It checks nothing: no hashes, no reorgs, no identities, no days, no values. Prints the seconds it took, its
// own start left out.
const startedMs = performance.now();
const [, , url = "", path = "", protocol = "uniswap-v3", last = "0", blocks = "1000"] = process.argv;
const TOPICS = {
  swap: "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67",
  mint: "0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde",
  burn: "0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c",
  collect: "0x70935338e69775456a85ddef226c395fb668b63fa0115f5f20610b388e6ca9c0",
  initialize: "0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95",
  sync: "0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1",
  transfer: "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
  pairMint: "0x4c209b5fc8ad50758f13e2e1088ba56a560dff690a1c6fef26394f4c03821c4f",
  pairBurn: "0xdccd412f0b1252819cb1fd330b93224ca42612892bb3f4f789976e6d81936496",
} as const;
const IN_FLIGHT = 4;
const ZERO = `0x${"0".repeat(40)}`;

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
     provider_address, position_id, liquidity_delta, args, log_address, from_side, tick_lower, tick_upper, to_side,
     row_checksum)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, ?)`);
const insertState = db.prepare(`
  insert into pool_states
    (pool_address, block_number, block_timestamp, sqrt_price_x96, tick, liquidity, reserve0, reserve1, share_supply,
     amounts, row_checksum)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
const upsert = db.prepare(
  "insert into owners (owner, liquidity) values (?, ?) on conflict (owner) do update set liquidity = excluded.liquidity",
);
const owners = new Map<string, bigint>();
const touched = new Set<string>();

/** What is in force in a pool; written at the end of a block that changed it. */
interface State {
  block: number;
  time: string;
  sqrtPrice: bigint;
  tick: number;
  liquidity: bigint;
  amounts: [bigint, bigint];
  supply: bigint;
  /** Price, liquidity and supply as they were written last, and the amounts: what is as before gets no row. */
  written: readonly [bigint, bigint, bigint, readonly [bigint, bigint]];
}
const NOTHING: State["written"] = [-1n, -1n, -1n, [-1n, -1n]];
const states = new Map<string, State>();
const dirty = new Set<string>();

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
const add = (owner: string, delta: bigint): void => {
  owners.set(owner, (owners.get(owner) ?? 0n) + delta);
  touched.add(owner);
};

function stateOf(log: Log, block: number, time: string): State {
  let state = states.get(log.address);
  if (state === undefined) {
    state = { block, time, sqrtPrice: 0n, tick: 0, liquidity: 0n, amounts: [0n, 0n], supply: 0n, written: NOTHING };
    states.set(log.address, state);
  }
  state.block = block;
  state.time = time;
  dirty.add(log.address);
  return state;
}

function writeStates(): void {
  for (const pool of dirty) {
    const state = states.get(pool);
    if (state === undefined) continue;
    const { block, time, sqrtPrice, tick: at, liquidity, amounts, supply, written } = state;
    const [price, active, issued, held] = written;
    const same = held === amounts || (held[0] === amounts[0] && held[1] === amounts[1]);
    if (same && price === sqrtPrice && active === liquidity && issued === supply) continue;
    state.written = [sqrtPrice, liquidity, supply, amounts];
    const v2 = protocol === "uniswap-v2";
    const cells = v2
      ? [pool, block, time, null, null, null, `${amounts[0]}`, `${amounts[1]}`, `${supply}`]
      : [pool, block, time, `${sqrtPrice}`, at, `${liquidity}`, null, null, null];
    const later = v2 ? [] : [`["${amounts[0]}","${amounts[1]}"]`];
    insertState.run(...cells, later[0] ?? null, rowChecksum([...cells, ...later]));
  }
  dirty.clear();
}

function keepV3(log: Log, block: number, time: string): void {
  const { topics, data, address } = log;
  const [topic] = topics;
  const state = stateOf(log, block, time);
  if (topic === TOPICS.swap) {
    state.amounts = [
      state.amounts[0] + BigInt.asIntN(256, word(data, 0)),
      state.amounts[1] + BigInt.asIntN(256, word(data, 1)),
    ];
    state.sqrtPrice = word(data, 2);
    state.liquidity = word(data, 3);
    state.tick = Number(BigInt.asIntN(24, word(data, 4)));
    return;
  }
  if (topic === TOPICS.initialize) {
    state.sqrtPrice = word(data, 0);
    state.tick = Number(BigInt.asIntN(24, word(data, 1)));
    return;
  }
  const [name, shift] =
    topic === TOPICS.mint ? ["Mint", 1] : topic === TOPICS.burn ? ["Burn", 0] : ["Collect", 1 as number];
  const owner = `0x${topics[1].slice(26)}`;
  const [tickLower, tickUpper] = [tick(topics[2]), tick(topics[3])];
  const [a = 0n, b = 0n] = [word(data, shift), word(data, shift + 1)];
  let args: object;
  let delta = 0n;
  if (name === "Collect") {
    const recipient = `0x${data.slice(26, 66)}`;
    args = { owner, recipient, tickLower, tickUpper, amount0: `${a}`, amount1: `${b}` };
    state.amounts = [state.amounts[0] - a, state.amounts[1] - b];
  } else {
    const amount1 = word(data, shift + 2);
    const sender = name === "Mint" ? { sender: `0x${data.slice(26, 66)}` } : {};
    args = { ...sender, owner, tickLower, tickUpper, amount: `${a}`, amount0: `${b}`, amount1: `${amount1}` };
    delta = name === "Mint" ? a : -a;
    if (name === "Mint") state.amounts = [state.amounts[0] + b, state.amounts[1] + amount1];
    if (tickLower <= state.tick && state.tick < tickUpper) state.liquidity += delta;
  }
  const cells = [
    block,
    Number(log.logIndex),
    log.blockHash,
    log.transactionHash,
    time,
    address,
    protocol,
    name,
    owner,
    `${tickLower}:${tickUpper}`,
    `${delta}`,
    JSON.stringify(args),
    address,
    name === "Mint" ? "issuance" : name === "Burn" ? owner : null,
    tickLower,
    tickUpper,
  ];
  insertEvent.run(...cells, rowChecksum(cells));
  add(owner, delta);
}

function keepV2(log: Log, block: number, time: string): void {
  const { topics, data, address } = log;
  const [topic] = topics;
  if (topic === TOPICS.sync) {
    stateOf(log, block, time).amounts = [word(data, 0), word(data, 1)];
    return;
  }
  let [name, provider, side, delta]: [string, string | null, string | null, bigint] = ["Mint", null, null, 0n];
  let args: object;
  if (topic === TOPICS.transfer) {
    name = "Transfer";
    const [from, receiver] = [`0x${topics[1].slice(26)}`, `0x${topics[2].slice(26)}`];
    const value = word(data, 0);
    args = { from, to: receiver, value: `${value}` };
    const [issued, redeemed] = [from === ZERO, from !== ZERO && receiver === ZERO];
    provider = redeemed ? from : receiver;
    side = issued ? "issuance" : from;
    delta = redeemed ? -value : value;
    const state = stateOf(log, block, time);
    if (issued) state.supply += value;
    else add(from, -value);
    if (redeemed) state.supply -= value;
    else add(receiver, value);
  } else if (topic === TOPICS.pairMint)
    args = { sender: `0x${topics[1].slice(26)}`, amount0: `${word(data, 0)}`, amount1: `${word(data, 1)}` };
  else if (topic === TOPICS.pairBurn) {
    name = "Burn";
    const [amount0, amount1] = [`${word(data, 0)}`, `${word(data, 1)}`];
    args = { sender: `0x${topics[1].slice(26)}`, amount0, amount1, to: `0x${topics[2].slice(26)}` };
  } else return;
  const { blockHash, transactionHash } = log;
  const head = [block, Number(log.logIndex), blockHash, transactionHash, time, address, protocol, name, provider];
  const cells = [...head, null, `${delta}`, JSON.stringify(args), address, side, null, null];
  insertEvent.run(...cells, rowChecksum(cells));
}

const keepLog = protocol === "uniswap-v2" ? keepV2 : keepV3;

const keep = db.transaction((logs: readonly Log[]) => {
  touched.clear();
  let [blockText, block, time] = ["", 0, ""];
  for (const log of logs) {
    if (log.blockNumber !== blockText) {
      writeStates();
      blockText = log.blockNumber;
      block = Number(blockText);
      time = isoOf(Number(log.blockTimestamp));
    }
    keepLog(log, block, time);
  }
  writeStates();
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
process.stdout.write(`${(performance.now() - startedMs) / 1000}\n`);
