/** A deliberate bug: one place in the source, and what to put there. The simulator must notice each. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const bookkeeper = "src/daemon/bookkeeper.ts";
const converge = "src/daemon/converge.ts";
const fork = "src/daemon/fork.ts";
const endpoints = "src/chain/endpoints.ts";
const headers = "src/chain/headers.ts";
const logs = "src/chain/logs.ts";
const node = "src/chain/node.ts";
const pacer = "src/chain/pacer.ts";
const ranges = "src/chain/ranges.ts";
const rpc = "src/chain/rpc.ts";
const run = "src/daemon/run.ts";
const settle = "src/daemon/settle.ts";
const undo = "src/store/undo.ts";
const verdict = "src/core/verdict.ts";

// biome-ignore format: a table, one bug a line
export const MUTANTS: readonly Mutant[] = [
  { name: "the cursor is not written with the rows", file: bookkeeper, from: `this.store.config.set("last_processed_block", sum.tip, this.store.nowIso());`, to: `queueMicrotask(() => this.store.config.set("last_processed_block", sum.tip, this.store.nowIso()));` },
  { name: "an undo leaves events behind", file: undo, from: `["postings", "lp_events", "feed_answers"]`, to: `["postings", "feed_answers"]` },
  { name: "an undo leaves postings behind", file: undo, from: `["postings", "lp_events", "feed_answers"]`, to: `["lp_events", "feed_answers"]` },
  { name: "an undo leaves contents behind", file: "src/store/store.ts", from: `this.contents.forgetAbove(blockNumber);`, to: "" },
  { name: "an undo leaves pool states behind", file: undo, from: `run("delete from pool_states where pool_address = ? and block_number > ?", pool, above);`, to: "" },
  { name: "an undo leaves digests behind", file: undo, from: `run("delete from pool_digests where pool_address = ? and block_number > ?", pool, above);`, to: "" },
  { name: "an undo does not restore balances", file: undo, from: `for (const { account_id: id } of touched) restoreAccount(db, id);`, to: "" },
  { name: "an undo does not restore who owns a token", file: undo, from: `for (const token of tokens) restoreToken(db, token);`, to: `for (const token of tokens.slice(1)) restoreToken(db, token);` },
  { name: "an undo does not reopen days", file: undo, from: `"select date from days where closed_block > ? order by date", above`, to: `"select date from days where closed_block > ? order by date", above + 1_000_000` },
  { name: "an undo is off by one", file: undo, from: `run("delete from processed_blocks where block_number > ?", above)`, to: `run("delete from processed_blocks where block_number > ?", above + 1)` },
  { name: "working copies survive an undo", file: bookkeeper, from: `const undone = this.store.undoAbove(commonBlock);\n    this.#forget();`, to: `const undone = this.store.undoAbove(commonBlock);` },
  { name: "working copies survive a commit that failed", file: bookkeeper, from: `this.#forget();\n      throw error;`, to: `throw error;` },
  { name: "balances are not refreshed after an undo", file: bookkeeper, from: `this.#balances.refresh(undone.daysReopened > 0 ? "all" : undone.providers);`, to: "" },
  { name: "a day closes one second late", file: "src/daemon/day-closer.ts", from: `endSec === null || timestampSec < endSec`, to: `endSec === null || timestampSec <= endSec` },
  { name: "a range is not asked for its last block", file: node, from: `fromBlock: hex(from), toBlock: hex(to) }`, to: `fromBlock: hex(from), toBlock: hex(Math.max(from, to - 1)) }` },
  { name: "a block is left out between two ranges", file: ranges, from: `this.#trial = first;\n        next = last + 1;`, to: `this.#trial = first;\n        next = last + 2;` },
  { name: "ranges are taken as they arrive, not in order", file: ranges, from: `(await ahead.shift())`, to: `(await ahead.pop())` },
  { name: "null counts as no logs", file: logs, from: `if (!isList(answer)) throw`, to: `if (answer === null) return [];\n  if (!isList(answer)) throw` },
  { name: "the hash of a range's end is not compared", file: node, from: `if (known !== undefined && known !== end.hash) throw`, to: `if (false) throw` },
  { name: "the hashes of logs are not compared with headers", file: headers, from: `if (header !== undefined && header.hash !== hash)`, to: `if (false)` },
  { name: "removed logs are kept", file: logs, from: `each["removed"] === true || `, to: "" },
  { name: "logs are not sorted", file: logs, from: `isInOrder ? placed : placed.sort(byPlace)`, to: `placed` },
  { name: "logs are deduplicated by transaction", file: logs, from: `if (before.log.logIndex === each.log.logIndex) {\n        if (!isSameLog(before.log, each.log))`, to: `if (before.log.transactionHash === each.log.transactionHash) {\n        if (false)` },
  { name: "answers are taken by their order, whatever their id", file: rpc, from: `const found = byId.get(first + i);`, to: `const found = answers[i] as { result?: unknown; error?: unknown } | undefined;` },
  { name: "Retry-After is ignored", file: pacer, from: `this.#pausedToMs = Math.max(this.#pausedToMs, now + this.#pauseMs);`, to: "{}" },
  { name: "a failing endpoint is never left", file: endpoints, from: `if (this.#isBenched(each) || isLagging(each, best) || !(await this.#agrees(each, signal))) continue;`, to: `if (each !== this.#current) continue;` },
  { name: "an endpoint of another chain is taken", file: endpoints, from: `if (wrong !== undefined)`, to: `if (false)` },
  { name: "finality may go back", file: verdict, from: `said === null || (previous !== null && said.number <= previous.number) ? null : said`, to: `said` },
  { name: "a lower head is taken for a fork", file: verdict, from: `if (head.number < tip.number) return "behind";`, to: `if (head.number < tip.number) return "forked";` },
  { name: "a block that is missing is taken for a fork", file: fork, from: `if (at >= 0) throw new`, to: `if (false) throw new` },
  { name: "a fork below the final block is followed", file: fork, from: `if (shared && (final === null || common >= final.number)) return undefined;`, to: `return undefined;` },
  { name: "an undo goes before its replacement is fetched", file: converge, from: `const ranges: Range[] = [];\n  let logs = 0;`, to: `keeper.store.write(() => keeper.store.undoAbove(common));\n  const ranges: Range[] = [];\n  let logs = 0;` },
  { name: "settling compares nothing", file: settle, from: `if (differing.length > 0) {`, to: `if (false) {` },
  { name: "a second reading that falls short is believed", file: settle, from: `const { block: read, byReceipts } = await chain.confirm(hash, number, signal);`, to: `const byReceipts = true;\n    const read = range.blocks.find((each) => each.number === number) ?? { ...(await chain.confirm(hash, number, signal)).block, logs: [] };` },
  { name: "what is settled is settled beyond the final block", file: settle, from: `const to = Math.min(final, first.to);`, to: `const to = Math.min(tip.number, first.to);` },
  { name: "rows with events are thinned out", file: "src/store/store.ts", from: `and block_number < ? and event_count = 0 and`, to: `and block_number < ? and` },
  { name: "a transient failure ends the daemon as a bug", file: run, from: `error.kind !== "transient" || ENDINGS.has(error.code)) throw error;`, to: `error.kind !== "transient" || ENDINGS.has(error.code)) throw error;\n      if (error.code === "RPC_SHAPE") throw new TypeError("unexpected answer");` },
];
