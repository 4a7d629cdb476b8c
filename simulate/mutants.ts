/** A deliberate bug: one place in the source, and what to put there. The simulator must notice each, or the test that is named. */
export interface Mutant {
  /** Who notices it, where no simulated life does, or hardly one. */
  readonly test?: string;
  /** A seed that noticed it last time, which is played first. */
  readonly seed?: number;
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
  { name: "an undo does not reopen days", file: undo, from: `"select date from days where closed_block > ? order by date", above`, to: `"select date from days where closed_block > ? order by date", above + 1_000_000`, seed: 9 },
  { name: "an undo is off by one", file: undo, from: `run("delete from processed_blocks where block_number > ?", above)`, to: `run("delete from processed_blocks where block_number > ?", above + 1)` },
  { name: "working copies survive an undo", file: bookkeeper, from: `const undone = this.store.undoAbove(commonBlock);\n    this.#forget();`, to: `const undone = this.store.undoAbove(commonBlock);`, seed: 2 },
  { name: "working copies survive a commit that failed", file: bookkeeper, from: `this.#forget();\n      throw error;`, to: `throw error;`, seed: 42 },
  { name: "balances are not refreshed after an undo", file: bookkeeper, from: `this.#balances.refresh(undone.daysReopened > 0 ? "all" : undone.providers);`, to: "" },
  { name: "a day closes one second late", file: "src/daemon/day-closer.ts", from: `endSec === null || timestampSec < endSec`, to: `endSec === null || timestampSec <= endSec`, seed: 144 },
  { name: "a range is not asked for its last block", file: node, from: `fromBlock: hex(from), toBlock: hex(to) }`, to: `fromBlock: hex(from), toBlock: hex(Math.max(from, to - 1)) }`, seed: 386 },
  { name: "a block is left out between two ranges", file: ranges, from: `this.#trial = first;\n        next = last + 1;`, to: `this.#trial = first;\n        next = last + 2;` },
  { name: "ranges are taken as they arrive, not in order", file: ranges, from: `(await ahead.shift())`, to: `(await ahead.pop())`, seed: 3 },
  { name: "null counts as no logs", file: logs, from: `if (!isList(answer)) throw`, to: `if (answer === null) return [];\n  if (!isList(answer)) throw`, seed: 428 },
  { name: "the hash of a range's end is not compared", file: node, from: `if (known !== undefined && known !== end.hash) throw`, to: `if (false) throw`, test: "test/daemon/guard.test.ts" },
  { name: "the hashes of logs are not compared with headers", file: headers, from: `if (header !== undefined && header.hash !== hash)`, to: `if (false)`, test: "test/daemon/guard.test.ts" },
  { name: "removed logs are kept", file: logs, from: `each["removed"] === true || `, to: "", seed: 49 },
  { name: "logs are not sorted", file: logs, from: `isInOrder ? placed : placed.sort(byPlace)`, to: `placed` },
  { name: "logs are deduplicated by transaction", file: logs, from: `if (before.log.logIndex === each.log.logIndex) {\n        if (!isSameLog(before.log, each.log))`, to: `if (before.log.transactionHash === each.log.transactionHash) {\n        if (false)`, seed: 65 },
  { name: "answers are taken by their order, whatever their id", file: rpc, from: `const found = byId.get(first + i);`, to: `const found = answers[i] as { result?: unknown; error?: unknown } | undefined;`, test: "test/chain/rpc.test.ts" },
  { name: "Retry-After is ignored", file: pacer, from: `this.#pausedToMs = Math.max(this.#pausedToMs, now + this.#pauseMs);`, to: "{}" },
  { name: "a failing endpoint is never left", file: endpoints, from: `if (this.#isBenched(each) || isLagging(each, best) || !(await this.#agrees(each, signal))) continue;`, to: `if (each !== this.#current) continue;`, seed: 34 },
  { name: "an endpoint of another chain is taken", file: endpoints, from: `if (wrong !== undefined)`, to: `if (false)`, test: "test/chain/endpoints.test.ts" },
  { name: "finality may go back", file: verdict, from: `said === null || (previous !== null && said.number <= previous.number) ? null : said`, to: `said`, test: "test/daemon/single-checks.test.ts" },
  { name: "a lower head is taken for a fork", file: verdict, from: `if (head.number < tip.number) return "behind";`, to: `if (head.number < tip.number) return "forked";`, test: "test/daemon/guard.test.ts" },
  { name: "a block that is missing is taken for a fork", file: fork, from: `if (at >= 0) throw new`, to: `if (false) throw new`, test: "test/daemon/single-checks.test.ts" },
  { name: "a fork below the final block is followed", file: fork, from: `if (shared && (final === null || common >= final.number)) return undefined;`, to: `return undefined;`, test: "test/daemon/guard.test.ts" },
  { name: "an undo goes before its replacement is fetched", file: converge, from: `const ranges: Range[] = [];\n  let logs = 0;`, to: `keeper.store.write(() => keeper.store.undoAbove(common));\n  const ranges: Range[] = [];\n  let logs = 0;`, test: "test/daemon/guard.test.ts" },
  { name: "settling compares nothing", file: settle, from: `if (differing.length > 0) {`, to: `if (false) {`, test: "test/daemon/block-time.test.ts" },
  { name: "a second reading that falls short is believed", file: settle, from: `const { block: read, byReceipts } = await chain.confirm(hash, number, signal);`, to: `const byReceipts = true;\n    const read = range.blocks.find((each) => each.number === number) ?? { ...(await chain.confirm(hash, number, signal)).block, logs: [] };`, test: "test/daemon/settle.test.ts" },
  { name: "what is settled is settled beyond the final block", file: settle, from: `const to = Math.min(final, first.to);`, to: `const to = Math.min(tip.number, first.to);`, test: "test/daemon/block-time.test.ts" },
  { name: "rows with events are thinned out", file: "src/store/store.ts", from: `and block_number < ? and event_count = 0 and`, to: `and block_number < ? and`, test: "test/daemon/guard.test.ts" },
  { name: "a transient failure ends the daemon as a bug", file: run, from: `error.kind !== "transient" || ENDINGS.has(error.code)) throw error;`, to: `error.kind !== "transient" || ENDINGS.has(error.code)) throw error;\n      if (error.code === "RPC_SHAPE") throw new TypeError("unexpected answer");`, test: "test/daemon/run.test.ts" },
  { name: "settled is not moved back by an accepted deep fork", file: bookkeeper, from: `if ((this.store.config.get("settled_block") ?? -1) > commonBlock)`, to: `if (false)`, test: "test/daemon/guard.test.ts" },
  { name: "the weights of final epochs are not compared", file: "src/daemon/frozen.ts", from: `else if (!paid.every((each) => known.has(each))) {`, to: `else if (false) {`, test: "test/daemon/pool-made-later.test.ts" },
  { name: "a day on which nobody knows what a share is worth counts zero", file: "src/core/value.ts", from: `value: isValued ? valueOfDay(programme, pool, tokenSeconds, priceOf) : null,`, to: `value: isValued ? valueOfDay(programme, pool, tokenSeconds, priceOf) : 0n,`, test: "test/daemon/single-checks.test.ts" },
  { name: "a repair need not reach the final block by one", file: settle, from: `(ranges.at(-1)?.end.number ?? 0) < final) return;`, to: `(ranges.at(-1)?.end.number ?? 0) <= final) return;`, test: "test/daemon/single-checks.test.ts" },
  { name: "time may run back", file: "src/daemon/range-order.ts", from: `if (firstSec < tip.timestampSec)`, to: `if (false)`, test: "test/daemon/guard.test.ts" },
  { name: "a fork that reaches no further than what is shared is repaired", file: converge, from: `if (common >= goal || `, to: `if (common > goal || `, test: "test/daemon/single-checks.test.ts" },
  { name: "a final block is stored whatever the next look sees there", file: converge, from: `sight.atPending?.hash === pending.hash ? pending`, to: `sight.atPending !== undefined ? pending`, test: "test/daemon/single-checks.test.ts" },
  { name: "a depth overrules a node that fell silent about finality", file: converge, from: `atFallbackDepth: silent ? null : atFallbackDepth`, to: `atFallbackDepth`, test: "test/daemon/guard.test.ts" },
  { name: "settling goes on after a redo", file: settle, from: `if (redone) return "more"; // And compared again.`, to: `if (redone) continue;`, test: "test/daemon/single-checks.test.ts" },
  { name: "blocks of another fork in a second reading are not seen", file: settle, from: `return ours !== undefined && ours.hash !== block.hash;`, to: `return false;`, test: "test/daemon/single-checks.test.ts" },
  { name: "a range's parent is not compared with the tip", file: "src/daemon/range-order.ts", from: `from !== tip.number + 1 || parentHash !== tip.hash`, to: `from !== tip.number + 1`, test: "test/daemon/guard.test.ts" },
  { name: "a range's last header is not read again", file: node, from: `const numbers = moving ? [to, from] : [];`, to: `const numbers = moving ? [from] : [];`, test: "test/daemon/guard.test.ts" },
  { name: "a repair may end in another final block", file: settle, from: `if (at?.end.hash !== hash)`, to: `if (false)`, test: "test/daemon/single-checks.test.ts" },
  { name: "an undo keeps prices of days that are open again", file: undo, from: `if (date >= open) run("delete from token_prices where date = ?", date);`, to: "", test: "test/daemon/guard.test.ts" },
  { name: "the first finding is forgotten when something else breaks", file: "src/daemon/commit-with-refetch.ts", from: `broken.push(error as LpLedgerError);`, to: `broken.splice(0, broken.length, error as LpLedgerError);`, test: "test/daemon/finding.test.ts" },
  { name: "a log that two answers bring is kept twice", file: logs, from: `return [...byIndex.values()].sort((a, b) => a.logIndex - b.logIndex);`, to: `return [...first, ...second].sort((a, b) => a.logIndex - b.logIndex);`, test: "test/chain/scan.test.ts" },
  { name: "a new token's later transfers are dropped", file: "src/core/decode/new-tokens.ts", from: `else this.#logs.get(key)?.push(heard);`, to: "", test: "test/daemon/misattribution.test.ts" },
  { name: "a staker's deposit is taken for any token of its number", file: "src/core/decode/wrappers.ts", from: `if (token === undefined || token.owner !== address) return;`, to: `if (token === undefined) return;`, test: "test/daemon/single-checks.test.ts" },
  { name: "a block's time is not compared when it is settled", file: "src/core/content.ts", from: `lines.addNumber(timestampSec);`, to: `lines.addNumber(0 * timestampSec);`, test: "test/daemon/block-time.test.ts" },
  { name: "a header that hashes to something else is believed", file: "src/chain/header-check.ts", from: `if (verdict.kind !== "unknown" && this.#mustRecompute(verdict.kind))`, to: `if (false)`, test: "test/daemon/block-time.test.ts" },
  { name: "a header with a field left out is of a form that nobody knows", file: "src/core/header-hash.ts", from: `if (foreign.length > 0)`, to: `if (foreign.length > 0 || lack !== undefined)`, test: "test/daemon/block-time.test.ts" },
  { name: "a header of another block than the one that was asked for passes", file: "src/chain/header-check.ts", from: `if (asked !== undefined && block.number !== asked)`, to: `if (false)`, test: "test/daemon/block-time.test.ts" },
  { name: "the address of a pool that is made later was never a provider", file: "src/daemon/days.ts", from: `timeSec < dayEndSec(day)`, to: `timeSec >= 0`, test: "test/daemon/pool-made-later.test.ts" },
  { name: "a new pool's address keeps a provider's balance", file: "src/daemon/followed.ts", from: `this.#store.balances.remove(pool.contracts);`, to: "", test: "test/daemon/pool-made-later.test.ts" },
  { name: "an address is no provider again where its pool is undone", file: undo, from: `const providers = [...holders, ...were];`, to: `const providers = holders;`, test: "test/daemon/pool-made-later.test.ts" },
  { name: "a run to the end is content where settling waits for another endpoint", file: run, from: `if (isThere && step.settling === "done" && !step.finalPending)`, to: `if (isThere && step.settling !== "more" && !step.finalPending)`, test: "test/daemon/block-time.test.ts" },
  { name: "settling that waits is tried at every look", file: run, from: `nowMs - this.#triedMs < SETTLE_AGAIN_MS`, to: `nowMs < this.#triedMs`, test: "test/daemon/block-time.test.ts" },
  { name: "what is said of a range is lost between threads", file: "src/chain/packed.ts", from: `packs.set(told, { ...pack, range: { ...pack.range, ...more } });`, to: `packs.set(told, pack);`, test: "test/daemon/block-time.test.ts" },
  { name: "an endpoint is another one by another name", file: "src/chain/followed-chain.ts", from: `other.rpc.origin === firstBy`, to: `other.rpc.id === firstBy`, test: "test/daemon/block-time.test.ts" },
  { name: "a block is repaired as often as nodes change their word", file: settle, from: `!isMore && range.isProven !== true && store.contents.isRepaired(hash)`, to: `false`, test: "test/daemon/block-time.test.ts" },
  { name: "times of several answers are put together in any order", file: "src/daemon/range-order.ts", from: `requireAscending(range);`, to: "", test: "test/daemon/guard.test.ts" },
  { name: "a new token is paired with no pool log", file: "src/core/decode/position-manager.ts", from: `if (isOwn && last.log.logIndex === log.logIndex - 1) last.tokenId = tokenId;`, to: "", test: "test/daemon/misattribution.test.ts" },
  { name: "a new token takes what a known one will take", file: "src/core/decode/position-manager.ts", from: `if (at >= 0) free.splice(at, 1);`, to: "", test: "test/daemon/misattribution.test.ts" },
  { name: "the aggregators of feeds are never providers", file: "src/core/programme.ts", from: `return contractsOf(programme).add(ZERO_ADDRESS).add(ONE_ADDRESS);`, to: `return new Set(addressesOf(programme)).add(ZERO_ADDRESS).add(ONE_ADDRESS);`, test: "test/daemon/pool-made-later.test.ts" },
  { name: "a rebuild beneath a final epoch raises no finding", file: "src/daemon/days.ts", from: `recordFrozen(store, day);`, to: "", test: "test/daemon/pool-made-later.test.ts" },
  { name: "whatever names the factory passes as a position manager", file: "src/cli/preflight.ts", from: `else await this.#isManager(manager, field);`, to: "", test: "test/cli/preflight.test.ts" },
  { name: "one endpoint of several is compared with itself where nothing proves times", file: settle, from: `if (range.isByFirst === true) return "waits";`, to: "", test: "test/daemon/block-time.test.ts" },
  { name: "an added pool's own address was never a provider", file: "src/daemon/days.ts", from: `if (then.has(each.provider) ||`, to: `if (special.has(each.provider) ||`, test: "test/daemon/added-pool.test.ts" },
  { name: "headers that are kept may run back", file: node, from: `read.length === 0 ? blocks :`, to: `read.length >= 0 ? blocks :`, test: "test/daemon/block-time.test.ts" },
  { name: "a row without logs is settled whatever a second reading says of its time", file: settle, from: `...timedOtherwise(keeper, range),`, to: "", test: "test/daemon/time-disputes.test.ts" },
  { name: "a range's end is settled with one reading's word for its time", file: settle, from: `const end = await agreedEnd(keeper, chain, range, signal);`, to: `const end = (await Promise.resolve(range.end)) as Range["end"] | null;`, test: "test/daemon/time-disputes.test.ts" },
  { name: "an endpoint that was left alone agrees to nothing", file: endpoints, from: `new Set([...well, ...this.#all])`, to: `new Set([...well])`, test: "test/daemon/time-disputes.test.ts" },
  { name: "a node whose times run back is not left", file: converge, from: `if (error instanceof LpLedgerError && error.code === "TIME_RUNS_BACK") chain`, to: `if (false as boolean) chain`, test: "test/daemon/time-disputes.test.ts" },
  { name: "what is read again for a wrong time is taken at the node's word", file: "src/daemon/disputed-time.ts", from: `if (end?.hash !== hash || end.timestampSec !== agreed)`, to: `if (end === undefined)`, test: "test/daemon/time-disputes.test.ts" },
  { name: "the time of what a fork shares with ours is not compared", file: converge, from: `const again = await retimedShared(keeper, chain, common, ranges[0], signal);`, to: `const again = undefined as Retimed | undefined;`, test: "test/daemon/block-time.test.ts" },
  { name: "a time may be ahead of the clock", file: "src/chain/header-check.ts", from: `if (timestampSec <= latest) return;`, to: `return;`, test: "test/daemon/single-checks.test.ts" },
  { name: "the tip's time is not compared", file: converge, from: `const isDisputed = atTip?.hash === tip.hash && atTip.timestampSec !== tip.timestampSec;`, to: `const isDisputed = false as boolean && atTip?.hash === tip.hash;`, test: "test/daemon/block-time.test.ts" },
  { name: "days closed ahead of a block that did not come stay closed", file: bookkeeper, from: `if (!this.days.isAheadOfAnother(range?.end.hash)) return;`, to: `return;`, test: "test/daemon/block-time.test.ts" },
  { name: "a block that closed a day too early is not looked at", file: "src/daemon/settled-times.ts", from: `timestampSec < (ends.get(number) ?? 0));\n  return new Map(early`, to: `timestampSec < 0 * (ends.get(number) ?? 0));\n  return new Map(early`, test: "test/daemon/block-time.test.ts" },
  { name: "settling reads no headers of blocks with logs", file: node, from: `const isWanted = checked !== undefined || `, to: `const isWanted = `, test: "test/daemon/block-time.test.ts" },
  { name: "a pool that is added counts on days that are paid", file: "src/daemon/tiers.ts", from: `const isLate = (countsFrom.get(pool.address) ?? day) > day;`, to: `const isLate = false as boolean && countsFrom.size > 0;`, test: "test/daemon/added-pool.test.ts" },
  { name: "a pool counts before its first posting", file: "src/core/digest.ts", from: `[...digests].filter(([, digest]) => digest !== "")`, to: `[...digests]`, test: "test/daemon/factory.test.ts" },
  { name: "headers above the final block are not kept", file: node, from: `return to - from >= KEPT_HEADERS_MAX ? [] :`, to: `return to - from >= 0 ? [] :`, test: "test/daemon/reorg.test.ts" },
  { name: "an excluded wrapper's users are exported as holders", file: "src/core/programme.ts", from: `if (isExcluded(each)) excluded.add(`, to: `if (isExcluded(each) && false) excluded.add(`, test: "test/daemon/single-checks.test.ts" },
  { name: "what all accounts held is not compared with what the logs leave in a pool", file: "src/core/days.ts", from: `if (over < 0) return undefined;`, to: `if (over < 1) return undefined;`, test: "test/core/days.test.ts" },
  { name: "what all accounts held is not compared with the pool's own sum", file: "src/core/days.ts", from: `if (other >= 0)\n`, to: `if (other > 2)\n`, test: "test/core/days.test.ts" },
  { name: "a day that does not add up is closed all the same", file: "src/daemon/days.ts", from: `if (wrong === undefined) return;`, to: `return;`, test: "test/daemon/settle.test.ts" },
  { name: "a day that is closed ahead stops the ledger where a log was lost", file: converge, from: `if (!holds(close, () => {}, isBroken)) return false;`, to: `close();`, test: "test/daemon/settle.test.ts" },
  { name: "a span counts by its price, not by its tick", file: "src/core/valuation/price-path.ts", from: `tick < range.tickLower) time.below`, to: `tick <= range.tickLower) time.below`, test: "test/core/valuation/price-path.test.ts" },
  { name: "liquidity without an owner is in no sum of its pool", file: "src/daemon/days.ts", from: `poolDay.addUncredited(each);`, to: "{}", test: "test/daemon/life.test.ts" },
  { name: "a vault's share was worth what somebody tells later", file: "src/core/valuation/pool-path.ts", from: `pool.form === "shares" && pool.valuation.by === "balances"`, to: `pool.form === "shares"`, test: "test/daemon/vault-worth.test.ts" },
  { name: "an empty vault is worth what it was before", file: "src/core/decode/shares.ts", from: `if (book.supply === 0n && pool.protocol !== "erc20") book.shareValueE36 = null;`, to: "", test: "test/daemon/vault-worth.test.ts" },
  { name: "a rate is believed whatever it rose by", file: "src/core/valuation/share-rate.ts", from: `return median < most ? median : most;`, to: `return median;`, test: "test/daemon/share-rates.test.ts" },
  { name: "a rate is its last sample", file: "src/core/valuation/share-rate.ts", from: `if (2 * sum >= whole) return rate;`, to: `if (sum >= whole) return rate;`, test: "test/core/valuation/share-rate.test.ts" },
  { name: "a rate rests on samples of blocks that did not stay", file: "src/daemon/share-rates.ts", from: `return gone.length === 0;`, to: `return true;`, test: "test/daemon/share-rates.test.ts" },
  { name: "a rate that a node does not answer fails a look", file: "src/daemon/share-rates.ts", from: `error instanceof LpLedgerError && error.kind === "transient"`, to: `false`, test: "test/daemon/share-rates.test.ts" },
  { name: "whatever has no value is left out", file: "src/daemon/leave-out.ts", from: `if (sum * 10_000n > whole * BigInt(negligibleBp)) break;`, to: "", test: "test/daemon/leave-out.test.ts" },
  { name: "what is valued late stays left out", file: "src/daemon/late-values.ts", from: `store.leftOut.forget(day);`, to: "{}", test: "test/daemon/leave-out.test.ts" },
  { name: "a rebuild values days anew that were paid by means", file: "src/daemon/rebuild.ts", from: `new EarlierValues(store.db, store.rewards.finalUntil())`, to: `new EarlierValues(store.db, undefined)`, test: "test/daemon/earlier-values.test.ts" },
  { name: "a pool without active liquidity has a price", file: "src/core/means.ts", from: `state.kind !== "ticks" || state.liquidity === 0n`, to: `state.kind !== "ticks"`, test: "test/core/days.test.ts" },
  { name: "who is dusted is in no sum that dust is measured by", file: "src/store/left-out.ts", from: `and liquidity_amount is not null\n`, to: `and provider_address not in (select provider_address from daily_balances where liquidity_amount is null)\n`, test: "test/daemon/leave-out.test.ts" },
  { name: "what left a vault with more than came in bounds what is in it", file: "src/store/left-out.ts", from: `if (sum < 0n) return undefined;`, to: `if (sum < 0n) sum = 0n;`, test: "test/daemon/leave-out.test.ts" },
  { name: "a day without what was left out ends a streak", file: "src/core/tiers.ts", from: `streakDays: isLeftOut ? before : 0`, to: `streakDays: isLeftOut ? 0 : 0`, test: "test/core/tiers.test.ts" },
  { name: "what was in range decides what was held", file: "src/core/tiers.ts", from: `const least = lower(value, leasts[i]);`, to: `const least = lower(counted, leasts[i]);`, test: "test/core/tiers.test.ts" },
  { name: "a rate of zero is believed", file: "src/daemon/share-rates.ts", from: `BigInt(answer) === 0n || `, to: "", test: "test/daemon/share-rates.test.ts" },
  { name: "an operator's price is no rate to go on from", file: "src/daemon/share-rates.ts", from: `if (brought === undefined || (last`, to: `if (brought !== undefined || (last`, test: "test/daemon/share-rates.test.ts" },
  { name: "only the endpoint in use is asked for an old state", file: "src/chain/followed-chain.ts", from: `other === current ? answers : await`, to: `other !== current ? answers : await`, test: "test/chain/endpoints.test.ts" },
  { name: "a Curve pool is worth nothing known while its logs do not tell", file: "src/core/means.ts", from: `if (amounts !== null || known === undefined) return each;`, to: `if (amounts === null || known === undefined) return each;`, test: "test/daemon/vault-worth.test.ts" },
  { name: "a token of a pool that is fetched again stops the ledger", file: "src/core/decode/position-manager.ts", from: `if (token !== undefined && this.#find(token.pool) === undefined) return;`, to: "", test: "test/core/unfollowed-tokens.test.ts" },
  { name: "a pool in quarantine goes on counting", file: "src/core/quarantine.ts", from: `if (stop === undefined) return false;`, to: `if (stop === undefined || timestampSec > 0) return false;`, test: "test/daemon/quarantine.test.ts" },
  { name: "one pool in quarantine stops all", file: "src/daemon/quarantine.ts", from: `stopping.push(found);`, to: `throw error;`, test: "test/daemon/quarantine.test.ts" },
  { name: "a quarantine outlives the blocks it rests on", file: undo, from: `new QuarantinesTable(db).undoAbove(above);`, to: "{}", test: "test/daemon/quarantine.test.ts" },
  { name: "a pool in quarantine makes everybody's day unknown", file: "src/daemon/days.ts", from: `store.leftOut.add({ ...out, provider }, store.nowIso());`, to: "", test: "test/daemon/quarantine.test.ts" },
  { name: "an epoch with a pool in quarantine does not wait", file: "src/daemon/rewards.ts", from: `if (quarantined !== undefined && store`, to: `if (quarantined !== undefined && epoch.number < 0 && store`, test: "test/daemon/quarantine.test.ts" },
  { name: "what is fetched again is put beside what was there", file: "src/daemon/add-pools.ts", from: `forgetPools(store.db, again);`, to: "", test: "test/daemon/pool-refetch.test.ts" },
  { name: "days that closed without a pool keep the prices they had then", file: "src/daemon/add-pools.ts", from: `main.config.get("adding_after") ?? `, to: "", test: "test/daemon/pool-refetch.test.ts" },
  { name: "a burn of Curve is what the next transfer says", file: "src/core/decode/curve.ts", from: `const heard = pending.find(`, to: `const heard = pending.slice(-1).find(`, test: "test/core/odd-logs.test.ts" },
];
