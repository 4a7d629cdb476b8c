import type { Block } from "../core/chain.ts";
import { type Day, dayEndSec } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme, Token } from "../core/programme.ts";
import type { Question } from "../core/question.ts";
import type { Store } from "../store/store.ts";

/** What is asked of a chain for the rate of a share. */
export interface RatesPort {
  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]>;
  ask(questions: readonly Question[], blockNumber: number, signal: AbortSignal): Promise<readonly (string | null)[]>;
}

const RATES_MAX = 10;

/**
 * Asks what a share was worth in its asset at the last block of each closed day that waits for it, once that block is
 * final; a few days a call. What a contract does not answer stays unknown, and the day unpriced. @returns how many came.
 */
export async function readShareRates(
  store: Store,
  programme: Programme,
  chain: RatesPort,
  signal: AbortSignal,
): Promise<number> {
  const shares = sharesWithRates(programme);
  if (shares.length === 0) return 0;
  const final = store.config.get("final_block") ?? -1;
  const wanted = store.prices
    .unpricedDays()
    .flatMap((day) => shares.map((share) => ({ day, share })))
    .filter(({ day, share }) => store.prices.rateOf(share.address, day) === undefined)
    .filter(({ day }) => (store.days.closedBlockOf(day) ?? Number.POSITIVE_INFINITY) <= final)
    .slice(0, RATES_MAX);
  let came = 0;
  for (const { day, share } of wanted) {
    const block = await lastBlockOf(store, chain, day, signal);
    const one = (10n ** BigInt(share.decimals ?? 0)).toString();
    const [rate = null] = await chain.ask(
      [{ kind: "share-rate", token: share.address, shares: one }],
      block.number,
      signal,
    );
    const [again] = await chain.blocksAt([block.number], signal);
    if (rate === null || again?.hash !== block.hash) continue;
    store.write(() => store.prices.addRate(share.address, day, BigInt(rate), block, store.nowIso()));
    came += 1;
  }
  return came;
}

/** Tokens that some source prices by what their contract says. */
function sharesWithRates({ pools, prices }: Programme): readonly Token[] {
  const rated = [...prices].filter(([, sources]) => sources.some(({ kind }) => kind === "rate"));
  return rated.flatMap(
    ([address]) => pools.flatMap(({ tokens }) => tokens).find((token) => token.address === address) ?? [],
  );
}

/** The last block of a day: between the last one before its end that we hold and the one that closed it. */
async function lastBlockOf(store: Store, chain: RatesPort, day: Day, signal: AbortSignal): Promise<Block> {
  const endSec = dayEndSec(day);
  const held = store.blocks.lastBefore(endSec)?.number ?? store.config.get("anchor")?.number ?? 0;
  let [low, high] = [Math.max(0, held), store.days.closedBlockOf(day) ?? held + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const [block] = await chain.blocksAt([middle], signal);
    if (block == null) throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have block ${middle}`);
    if (block.timestampSec < endSec) low = middle;
    else high = middle;
  }
  const [last] = await chain.blocksAt([low], signal);
  if (last == null) throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have block ${low}`);
  return last;
}
