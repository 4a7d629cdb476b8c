import type { FetchOptions } from "../core/chain.ts";
import type { LpLedgerError } from "../core/errors.ts";
import { logCount } from "./logs/log-table.ts";
import { isList, type LogFilter, type PlacedBlock } from "./logs/read-logs.ts";
import { classify } from "./rpc/classify-errors.ts";
import type { RpcCall } from "./rpc/rpc-call.ts";

/** What an endpoint taught of its filters; kept for the next start. */
export interface FilterLimits {
  /** Most addresses, and most topics, in a filter; null while it never refused any. */
  readonly addressesMax: number | null;
  readonly topicsMax: number | null;
  /** It answers no filter without addresses. */
  readonly needsAddress: boolean;
}

/**
 * See `FetchOptions.form`. `listed` is the first form, never without addresses; `listed-each-topic` the same for each
 * topic alone.
 */
export type Form = NonNullable<FetchOptions["form"]> | "listed" | "listed-each-topic";

/** Nodes refuse longer lists of addresses (geth: 1,000). */
const ADDRESSES_MAX = 1_000;
/**
 * The other form has lists of so few addresses, however many calls these are: nodes answer longer ones with nothing
 * (16).
 */
const OTHER_ADDRESSES = 10;
/**
 * So many logs that are not ours cost about as much as one more call with its list of a thousand addresses (decision
 * 12).
 */
const FOREIGN_PER_CALL = 100;
/** Ranges until it is tried again whether leaving the addresses out costs less. */
const FILTERED_RANGES = 100;
/** No filter of ours has more topics. */
const TOPICS_FEW = 64;
/** Ranges until a limit that nothing named is tried again. */
const PATIENCE = 200;

/**
 * The calls that ask one endpoint for logs: in as few parts as it bears and as cost least, by what it answered before.
 */
export class LogRequests {
  #addressesMax: number;
  #topicsMax: number;
  #needsAddress: boolean;
  /** Ranges that are still asked for in parts, though leaving the addresses out were fewer calls. */
  #filteredLeft = 0;
  /** The limits before a refusal that may be of something else. */
  #doubted: Sizes | undefined;
  /** The greatest filter that was answered. */
  #answeredOnce: Sizes = NOTHING;
  #guessed = 0;

  constructor({ addressesMax, topicsMax, needsAddress }: FilterLimits = NO_LIMITS) {
    this.#addressesMax = addressesMax ?? ADDRESSES_MAX;
    this.#topicsMax = topicsMax ?? Number.MAX_SAFE_INTEGER;
    this.#needsAddress = needsAddress;
    if (this.#isLimited) this.#guessed = PATIENCE; // It may bear more by now.
  }

  get #isLimited(): boolean {
    const { addressesMax, topicsMax, needsAddress } = this.limits;
    return addressesMax !== null || topicsMax !== null || needsAddress;
  }

  get limits(): FilterLimits {
    return {
      addressesMax: this.#addressesMax >= ADDRESSES_MAX ? null : this.#addressesMax,
      topicsMax: this.#topicsMax === Number.MAX_SAFE_INTEGER ? null : this.#topicsMax,
      needsAddress: this.#needsAddress,
    };
  }

  /** The calls for a filter's logs. */
  calls({ addresses, topics }: LogFilter, where: Readonly<Record<string, string>>, form: Form): readonly RpcCall[] {
    const isCheaper = addresses.length > this.#addressesMax && this.#filteredLeft === 0;
    const wantsAny = form === "any-address" || form === "each-topic" || (form === "first" && isCheaper);
    const isAny = wantsAny && !this.#needsAddress;
    const listMax = this.#listMax(addresses.length, form);
    const lists = isAny ? [undefined] : parts(addresses, listMax);
    const topicsMax = form === "each-topic" || form === "listed-each-topic" ? 1 : this.#topicsMax;
    return lists.flatMap((address) =>
      parts(topics, topicsMax).map((some) => ({
        method: "eth_getLogs",
        params: [{ ...where, ...(address === undefined ? {} : { address }), topics: [some] }],
      })),
    );
  }

  /** Whether so few addresses, or so few at a time, are asked for that the other form is the first one. */
  isSameInOtherForm({ addresses }: LogFilter): boolean {
    return this.#listMax(addresses.length, "other") >= this.#listMax(addresses.length, "first");
  }

  #listMax(addresses: number, form: Form): number {
    if (form === "first" || form.startsWith("listed")) return Math.min(this.#addressesMax, addresses);
    // Of a few, each half; what a first reading asks for without addresses, in lists.
    const fewer = addresses <= OTHER_ADDRESSES ? Math.ceil(addresses / 2) : OTHER_ADDRESSES;
    return Math.max(1, Math.min(this.#addressesMax, fewer));
  }

  /**
   * These calls, or one of them, were refused. `isGuess`: for a reason that nobody knows, which may be the filter.
   * @returns whether it can be asked in more parts
   */
  refused(asked: readonly RpcCall[], error: LpLedgerError, isGuess = false): boolean {
    const { kind, filterMax } = classify(error);
    const { addresses, topics } = sizesOf(asked);
    const isAny = asked.some((call) => filterOf(call).address === undefined);
    if (kind !== "filter" && !isGuess) {
      if (isAny) this.#filteredLeft = FILTERED_RANGES; // Without addresses it may have been too much.
      return false;
    }
    const named = filterMax !== undefined && filterMax >= 1 ? filterMax : undefined;
    const dimension = this.#refusedDimension({ addresses, topics }, error, named);
    const mayBeTopics = topics > Math.max(1, this.#answeredOnce.topics) && /topic/i.test(`${error.facts["text"]}`);
    if (isAny && !this.#needsAddress && named === undefined && !mayBeTopics) {
      this.#needsAddress = true;
      this.#guessed = PATIENCE;
      return true;
    }
    if (dimension === undefined) {
      if (this.#doubted !== undefined)
        [this.#addressesMax, this.#topicsMax] = [this.#doubted.addresses, this.#doubted.topics]; // It was not the filter.
      this.#doubted = undefined;
      return false;
    }
    const before = { addresses: this.#addressesMax, topics: this.#topicsMax };
    if (dimension === "addresses") this.#addressesMax = Math.min(before.addresses, named ?? Math.floor(addresses / 2));
    else this.#topicsMax = Math.min(before.topics, named ?? Math.floor(topics / 2));
    this.#doubted = named === undefined ? (this.#doubted ?? before) : undefined;
    this.#guessed = named !== undefined ? 0 : PATIENCE;
    return true;
  }

  /**
   * Whether there were too many addresses or too many topics: by its words, else by what was answered before; undefined
   * for neither.
   */
  #refusedDimension({ addresses, topics }: Sizes, error: LpLedgerError, named = 1): "addresses" | "topics" | undefined {
    const text = String(error.facts["text"]);
    const [saysAddresses, saysTopics] = [/addr/i.test(text), /topic/i.test(text)];
    // What was answered is refused: it is another node by now.
    const known = this.#answeredOnce;
    if (addresses <= known.addresses && topics <= known.topics) this.#answeredOnce = NOTHING;
    if (addresses <= named) return topics > named ? "topics" : undefined;
    if (topics <= named || saysAddresses !== saysTopics)
      return topics <= named || saysAddresses ? "addresses" : "topics";
    return addresses > this.#answeredOnce.addresses ? "addresses" : "topics";
  }

  /** Learns from an answer how many of its logs were not ours. */
  answered(filter: LogFilter, asked: readonly RpcCall[], answer: unknown, ours: readonly PlacedBlock[]): void {
    const { addresses, topics } = sizesOf(asked);
    const known = this.#answeredOnce;
    this.#answeredOnce = {
      addresses: Math.max(known.addresses, addresses),
      topics: Math.max(known.topics, topics),
    };
    // Where the topics were too many, the addresses were made fewer for nothing.
    if (this.#doubted !== undefined && this.#topicsMax < this.#doubted.topics)
      this.#addressesMax = this.#doubted.addresses;
    this.#doubted = undefined;
    if (this.#guessed > 0 && --this.#guessed === 0) {
      this.#addressesMax = Math.min(ADDRESSES_MAX, this.#addressesMax * 2);
      if (this.#topicsMax < TOPICS_FEW) this.#topicsMax *= 2;
      else this.#topicsMax = Number.MAX_SAFE_INTEGER;
      this.#needsAddress = false;
      this.#guessed = this.#isLimited ? PATIENCE : 0;
    }
    const saved = Math.ceil(filter.addresses.length / this.#addressesMax) - asked.length;
    if (saved <= 0) {
      this.#filteredLeft = Math.max(0, this.#filteredLeft - 1);
      return;
    }
    const foreign = ours.reduce((rest, block) => rest - logCount(block), isList(answer) ? answer.length : 0);
    if (foreign > FOREIGN_PER_CALL * saved) this.#filteredLeft = FILTERED_RANGES;
  }
}

/** How many addresses and topics the greatest of some filters have. */
interface Sizes {
  readonly addresses: number;
  readonly topics: number;
}

function filterOf({ params }: RpcCall): { readonly address?: readonly string[]; readonly topics: [readonly string[]] } {
  return params[0] as ReturnType<typeof filterOf>;
}

function sizesOf(asked: readonly RpcCall[]): Sizes {
  const filters = asked.map(filterOf);
  return {
    addresses: Math.max(0, ...filters.map(({ address }) => address?.length ?? 0)),
    topics: Math.max(0, ...filters.map((each) => each.topics[0].length)),
  };
}

const NOTHING: Sizes = { addresses: 0, topics: 0 };
const NO_LIMITS: FilterLimits = { addressesMax: null, topicsMax: null, needsAddress: false };

function parts<T>(all: readonly T[], most: number): readonly (readonly T[])[] {
  const some: (readonly T[])[] = [];
  for (let i = 0; i < all.length; i += most) some.push(all.slice(i, i + most));
  return some;
}
