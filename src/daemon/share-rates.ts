import type { ContractCall } from "../core/amm/contract-call.ts";
import type { Block, Clock } from "../core/chain.ts";
import { type Day, dayOf } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import { groupBy } from "../core/group.ts";
import type { Programme, RateRules, Token } from "../core/programme/programme.ts";
import { dependentTokens } from "../core/valuation/price.ts";
import { areEnough, believedRate, medianRate, samplingMoments } from "../core/valuation/share-rate.ts";
import type { StoredSample } from "../store/share-rates.ts";
import type { Store } from "../store/store.ts";

/** What is asked of a chain for the rate of a share. */
export interface RatesPort {
  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]>;
  ask(
    questions: readonly ContractCall[],
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]>;
}

/** A token that some source prices by what its contract says. */
interface Share extends RateRules {
  readonly token: Token;
  readonly asset: Token;
}

/** A share, the days that wait for its rate, and when the ledger begins. */
interface Waiting {
  readonly share: Share;
  readonly days: readonly Day[];
  readonly begin: number;
}

/** A sample that is not there yet. */
interface Wanted {
  readonly share: Share;
  readonly atSec: number;
}

/** So many samples are asked for at a look. */
const SAMPLES_MAX = 24;
/**
 * What was not answered is asked again after so long, of whichever endpoint is in use then; and after twice as long
 * each time.
 */
const RETRY_MS = 600_000;
const RETRIES_MAX = 8;

/**
 * Asks what shares are worth at moments of each day: soon after each moment, since nodes forget old states, also of
 * blocks that are not final yet; whether such a block stayed is looked at before its sample counts. Once a day is
 * closed and final its samples become its rate.
 */
export class ShareRates {
  readonly #store: Store;
  readonly #clock: Clock;
  /** What was not answered, how often, and when it may be asked for again. */
  readonly #unanswered = new Map<string, { readonly times: number; readonly againMs: number }>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Called at the head. What a node does not answer is no failure of a look. @returns how many days got a rate */
  async tick(programme: Programme, chain: RatesPort, signal: AbortSignal): Promise<number> {
    const shares = sharesOf(programme);
    const begin = this.#store.blocks.above(this.#store.config.get("anchor")?.number ?? -1)?.timestampSec;
    if (shares.length === 0 || begin === undefined) return 0;
    const waiting = shares.map((share) => ({ share, days: this.#waiting(programme, share), begin }));
    await borne(() => this.#sample(waiting, chain, signal));
    return (await borne(() => this.#decide(waiting, chain, signal))) ?? 0;
  }

  /** The closed days on which something waits for a share's rate, ascending. */
  #waiting(programme: Programme, { token }: Share): readonly Day[] {
    const resting = dependentTokens(programme, new Set([token.address]));
    const pools = programme.pools.filter(({ tokens }) => tokens.some(({ address }) => resting.has(address)));
    return this.#store.prices
      .unpricedDays(pools.map(({ address }) => address))
      .filter((day) => !this.#store.shareRates.rateOf(token.address, day));
  }

  /** First what was never asked, and of that the newest: what a node still has the state of. */
  #wanted(waiting: readonly Waiting[]): readonly Wanted[] {
    const tip = this.#store.blocks.tip();
    if (tip === undefined) return [];
    const now = this.#clock.nowMs();
    const timesOf = (each: Wanted): number => this.#unanswered.get(keyOf(each))?.times ?? 0;
    const wanted = waiting.flatMap(({ share, days, begin }) =>
      [...new Set([...days, dayOf(tip.timestampSec)])].flatMap((day) => {
        const has = new Set(this.#store.shareRates.samplesOf(share.token.address, day).map(({ atSec }) => atSec));
        return momentsOf(day, share, begin)
          .filter((atSec) => atSec <= tip.timestampSec && !has.has(atSec))
          .map((atSec) => ({ share, atSec }))
          .filter((each) => (this.#unanswered.get(keyOf(each))?.againMs ?? now) <= now);
      }),
    );
    return wanted.sort((a, b) => timesOf(a) - timesOf(b) || b.atSec - a.atSec).slice(0, SAMPLES_MAX);
  }

  #wasNotAnswered(each: Wanted): void {
    const times = (this.#unanswered.get(keyOf(each))?.times ?? 0) + 1;
    const againMs = this.#clock.nowMs() + RETRY_MS * 2 ** Math.min(times - 1, RETRIES_MAX);
    this.#unanswered.set(keyOf(each), { times, againMs });
  }

  async #sample(waiting: readonly Waiting[], chain: RatesPort, signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted(waiting);
    if (wanted.length === 0) return;
    const blocks = await this.#blocksOf(
      wanted.map(({ atSec }) => atSec),
      chain,
      signal,
    );
    for (const [number, at] of groupBy(wanted, ({ atSec }) => blocks.get(atSec)?.number ?? -1)) {
      const block = blocks.get(at[0]?.atSec ?? -1);
      if (block === undefined) continue;
      const questions = at.map(({ share }) => questionOf(share));
      // Another block may be answered where this one is not.
      const answers = (await borne(() => chain.ask(questions, number, signal))) ?? [];
      const [still] = await chain.blocksAt([number], signal);
      this.#store.write(() => {
        at.forEach((each, i) => {
          const answer = answers[i] ?? null;
          // A share that is worth nothing is one whose contract does not say what it is worth.
          if (answer === null || BigInt(answer) === 0n || still?.hash !== block.hash) {
            this.#wasNotAnswered(each);
            return;
          }
          this.#unanswered.delete(keyOf(each));
          const sample = { atSec: each.atSec, rate: BigInt(answer), blockNumber: number, blockHash: block.hash };
          this.#store.shareRates.addSample(each.share.token.address, sample, this.#store.nowIso());
        });
      });
    }
  }

  /**
   * By moment, the first block at or after it: between the last one before it that we hold and the next, halved for all
   * at once.
   */
  async #blocksOf(
    moments: readonly number[],
    chain: RatesPort,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Block>> {
    const { blocks, config } = this.#store;
    const searches = [...new Set(moments)].map((atSec) => {
      const below = blocks.lastBefore(atSec)?.number ?? config.get("anchor")?.number ?? -1;
      return { atSec, low: below, high: blocks.above(below)?.number ?? below + 1 };
    });
    for (;;) {
      const open = searches.filter(({ low, high }) => high - low > 1);
      if (open.length === 0) break;
      const middles = open.map(({ low, high }) => Math.floor((low + high) / 2));
      const headers = await allBlocks(chain, middles, signal);
      open.forEach((search, i) => {
        if ((headers[i]?.timestampSec ?? 0) < search.atSec) search.low = middles[i] ?? search.low;
        else search.high = middles[i] ?? search.high;
      });
    }
    const found = await allBlocks(
      chain,
      searches.map(({ high }) => high),
      signal,
    );
    return new Map(searches.map(({ atSec }, i) => [atSec, found[i] as Block]));
  }

  /**
   * Makes rates of the samples of days that are closed and final, in order: each may rise by so much above the one
   * before.
   */
  async #decide(waiting: readonly Waiting[], chain: RatesPort, signal: AbortSignal): Promise<number> {
    const { shareRates, days, config } = this.#store;
    const final = config.get("final_block") ?? -1;
    let came = 0;
    for (const { share, days: open, begin } of waiting) {
      const { address } = share.token;
      for (const day of open) {
        if ((days.closedBlockOf(day) ?? Number.POSITIVE_INFINITY) > final) break;
        const samples = shareRates.samplesOf(address, day);
        const moments = momentsOf(day, share, begin);
        const isAsked = moments.every(
          (atSec) => samples.some((each) => each.atSec === atSec) || this.#unanswered.has(keyOf({ share, atSec })),
        );
        // What is missing is asked for first, and a later day may rise from what this one will be.
        if (!isAsked) break;
        if (!areEnough(samples.length, moments.length)) continue;
        if (!(await this.#areOfChain(share, samples, chain, signal))) continue;
        const [median, last] = [medianRate(day, samples), samples.at(-1)];
        if (median === undefined || last === undefined) continue;
        const rate = believedRate(median, this.#lastBefore(share, day), day, share);
        this.#store.write(() =>
          shareRates.add(address, day, { rate, median, samples: samples.length }, last, this.#store.nowIso()),
        );
        came += 1;
      }
    }
    return came;
  }

  /** The newest rate before a day: a day's own, or what an operator's price of it says. */
  #lastBefore({ token, asset }: Share, day: Day): { readonly day: Day; readonly rate: bigint } | undefined {
    const { shareRates, prices } = this.#store;
    const last = shareRates.lastBefore(token.address, day);
    const brought = prices.lastByOperator(token.address, day);
    if (brought === undefined || (last !== undefined && last.day > brought)) return last;
    const then = prices.ofDay(brought);
    const [price, inQuote] = [then.get(token.address)?.priceE18, then.get(asset.address)?.priceE18];
    if (price === undefined || inQuote === undefined) return last;
    return { day: brought, rate: (price * 10n ** BigInt(asset.decimals ?? 0)) / inQuote };
  }

  /** Whether the blocks of samples stayed; those of others are forgotten, and asked for again. */
  async #areOfChain(
    { token }: Share,
    samples: readonly StoredSample[],
    chain: RatesPort,
    signal: AbortSignal,
  ): Promise<boolean> {
    const blocks = await allBlocks(
      chain,
      samples.map(({ blockNumber }) => blockNumber),
      signal,
    );
    const gone = samples.filter(({ blockHash }, i) => blocks[i]?.hash !== blockHash);
    if (gone.length > 0)
      this.#store.write(() => {
        for (const each of gone) this.#store.shareRates.removeSample(token.address, each);
      });
    return gone.length === 0;
  }
}

/** What may fail, since it can be done later. */
async function borne<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof LpLedgerError && error.kind === "transient") return undefined;
    throw error;
  }
}

/** The moments of a day at which a share is sampled, from the ledger's first block on. */
function momentsOf(day: Day, share: Share, beginSec: number): readonly number[] {
  return samplingMoments(day, share).filter((atSec) => atSec >= beginSec);
}

const keyOf = ({ share, atSec }: Wanted): string => `${share.token.address} ${atSec}`;

function questionOf({ token }: Share): ContractCall {
  return { kind: "share-rate", token: token.address, shares: (10n ** BigInt(token.decimals ?? 0)).toString() };
}

async function allBlocks(chain: RatesPort, numbers: readonly number[], signal: AbortSignal): Promise<readonly Block[]> {
  const blocks = await chain.blocksAt(numbers, signal);
  return blocks.map((block, i) => {
    if (block === null)
      throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have block ${numbers[i]}`);
    return block;
  });
}

/** Tokens that some source prices by what their contract says. */
function sharesOf({ pools, prices }: Programme): readonly Share[] {
  const tokens = new Map(pools.flatMap(({ tokens: of }) => of).map((token) => [token.address, token]));
  return [...prices].flatMap(([address, sources]) => {
    const source = sources.find(({ kind }) => kind === "rate");
    const token = tokens.get(address);
    if (source?.kind !== "rate" || token === undefined) return [];
    return [{ token, asset: source.asset, samples: source.samples, risePerDayBp: source.risePerDayBp }];
  });
}
