import type { Block, Clock } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Hash } from "../core/hex.ts";
import type { Endpoint, EndpointListener, Expected } from "./endpoint.ts";
import { type EndpointHealth, isLagging } from "./endpoint-health.ts";
import { benchMs } from "./rpc/classify-errors.ts";

interface Known extends Endpoint {
  failures: number;
  successes: number;
  benchedUntilMs: number;
  agreedMs: number;
  head: Block | undefined;
  lastError: string | null;
  /** It was once seen to serve our chain. */
  agreed: boolean;
  /** It was seen to serve another chain than ours. */
  disagrees: boolean;
  /** It serves our chain, but another block than our final one. */
  deniesFinal: boolean;
}

const AGREE_AGAIN_MS = 600_000;
const PROBE_EVERY_MS = 15_000;
const FORGIVEN_AFTER = 20;
const NOBODY_AGREES_MS = 60_000;

/**
 * The endpoints of one chain in order of preference. One unit of work stays with one of them; between two, a failing or
 * lagging one is left for the next, and the preferred one is taken up again once it does well.
 */
export class Endpoints {
  readonly #all: readonly Known[];
  readonly #clock: Clock;
  readonly #expected: () => Expected;
  readonly #told: EndpointListener;
  #current: Known;
  #agreedMs: number;
  #probedMs = Number.NEGATIVE_INFINITY;

  constructor(endpoints: readonly Endpoint[], clock: Clock, expected: () => Expected, told: EndpointListener = {}) {
    const fresh = {
      failures: 0,
      successes: 0,
      benchedUntilMs: 0,
      head: undefined,
      lastError: null,
      agreed: false,
      disagrees: false,
      deniesFinal: false,
    };
    this.#all = endpoints.map((each) => ({ ...each, ...fresh, agreedMs: Number.NEGATIVE_INFINITY }));
    const [first] = this.#all;
    if (first === undefined) throw new LpLedgerError("usage", "NO_RPC", "no endpoint is configured");
    this.#current = first;
    this.#clock = clock;
    this.#agreedMs = clock.nowMs();
    this.#expected = expected;
    this.#told = told;
  }

  /** The endpoint that the present unit of work belongs to. */
  get current(): Endpoint {
    return this.#current;
  }

  /** Whether there is more than one that may serve our chain, however they do at present. */
  get areSeveral(): boolean {
    return new Set(this.#all.filter(({ disagrees }) => !disagrees).map(({ rpc }) => rpc.origin)).size > 1;
  }

  /** Chooses the endpoint for the next unit of work. */
  async choose(signal: AbortSignal): Promise<Endpoint> {
    if (this.#all.length === 1) return this.#current;
    await this.#probe(signal);
    const best = this.#bestHead();
    for (const each of this.#all) {
      if (this.#isBenched(each) || isLagging(each, best) || !(await this.#agrees(each, signal))) continue;
      this.#agreedMs = this.#clock.nowMs();
      this.#use(each, each.failures > 0 ? "tried again" : "the most preferred that does well");
      return each;
    }
    // When nobody else is left for long, one that denies our final block is read: the guard must see that fork and
    // stop.
    const denying = this.#all.find((each) => each.deniesFinal);
    if (denying !== undefined && this.#clock.nowMs() - this.#agreedMs >= NOBODY_AGREES_MS) {
      this.#use(denying, "nobody has our final block any more");
      return denying;
    }
    // Nobody does well: rather the one that may recover first than none at all.
    // One of another chain never stands in; where all are, the first is named to whoever asks for its identity.
    // Nor does one that nobody has looked at while there is one that was ours before.
    const known = this.#all.filter((each) => !each.disagrees);
    const ours = known.some(({ agreed }) => agreed) ? known.filter(({ agreed }) => agreed) : known;
    const [soonest = this.#all[0] ?? this.#current] = [...ours].sort((a, b) => a.benchedUntilMs - b.benchedUntilMs);
    this.#use(soonest, "no endpoint does well");
    return soonest;
  }

  /**
   * Another endpoint than that of an origin (the current one unless told), for a second opinion; the current one where
   * there is no other.
   */
  async other(signal: AbortSignal, than = this.#current.rpc.origin): Promise<Endpoint> {
    for (const each of this.#all) {
      if (each.rpc.origin === than || this.#isBenched(each)) continue;
      if (await this.#agrees(each, signal)) return each;
    }
    return this.#current;
  }

  /** Every endpoint that serves our chain, those that do well first: one that was left alone may be needed to agree. */
  async serving(signal: AbortSignal): Promise<readonly Endpoint[]> {
    if (this.#all.length === 1) return this.#all;
    const serving: Known[] = [];
    const well = this.#all.filter((each) => !this.#isBenched(each));
    for (const each of new Set([...well, ...this.#all])) if (await this.#agrees(each, signal)) serving.push(each);
    return serving;
  }

  /** Runs a call on an endpoint, and remembers how it went. */
  async on<T>(endpoint: Endpoint, run: () => Promise<T>): Promise<T> {
    try {
      const result = await run();
      this.#worked(endpoint);
      return result;
    } catch (error) {
      this.failed(endpoint, error);
      throw error;
    }
  }

  /** Whether an endpoint was chosen for being of our chain, and not because nobody was. */
  isSure(endpoint: Endpoint): boolean {
    return this.#all.length === 1 || this.#clock.nowMs() - this.#known(endpoint).agreedMs < AGREE_AGAIN_MS;
  }

  /**
   * Whether an endpoint serves our chain. @throws WRONG_CHAIN, transient, where another one may: that is no reason to
   * stop.
   */
  isOurs(endpoint: Endpoint, seen: { readonly chainId: number; readonly genesisHash: Hash }): boolean {
    const { chainId, genesisHash } = this.#expected();
    const known = this.#known(endpoint);
    const ours = seen.chainId === chainId && (genesisHash === undefined || genesisHash === seen.genesisHash);
    known.agreed ||= ours;
    if (ours) return true;
    known.disagrees = true;
    if (this.#all.every(({ disagrees, deniesFinal }) => disagrees && !deniesFinal)) return false;
    const what = `the node ${endpoint.rpc.id} serves chain ${seen.chainId} from genesis ${seen.genesisHash}, not ours`;
    throw new LpLedgerError("transient", "WRONG_CHAIN", what);
  }

  /** The head that an endpoint showed last. */
  saw(endpoint: Endpoint, head: Block): void {
    this.#known(endpoint).head = head;
  }

  #worked(endpoint: Endpoint): void {
    const known = this.#known(endpoint);
    known.successes += 1;
    if (known.successes >= FORGIVEN_AFTER) known.failures = 0;
  }

  failed(endpoint: Endpoint, error: unknown): void {
    if (!(error instanceof LpLedgerError) || error.kind !== "transient") return;
    const known = this.#known(endpoint);
    const ms = benchMs(error, known.failures);
    known.failures += 1;
    known.successes = 0;
    known.agreedMs = Number.NEGATIVE_INFINITY;
    known.benchedUntilMs = this.#clock.nowMs() + ms;
    error.message = known.rpc.redacted(error.message); // It may show what the node answered.
    known.lastError = error.message;
    if (ms >= 300_000) this.#told.onRefused?.(known.rpc.id, error.message);
  }

  /** Leaves the current endpoint alone for a while: it answers, but nothing comes of it. */
  rotate(reason: string): void {
    this.failed(this.#current, new LpLedgerError("transient", "STALLED", reason));
  }

  health(): readonly EndpointHealth[] {
    const best = this.#bestHead();
    return this.#all.map((each) => ({
      id: each.rpc.id,
      origin: each.rpc.origin,
      used: each === this.#current,
      healthy: !this.#isBenched(each) && !isLagging(each, best),
      head: each.head?.number ?? null,
      requests: each.rpc.requests,
      failures: each.rpc.failures,
      waitedMs: each.rpc.waitedMs,
      dropped: each.node.logs.dropped,
      perSecond: Number.isFinite(each.rpc.perSecond) ? Math.round(each.rpc.perSecond * 100) / 100 : null,
      blocksMax: each.ranges.cap ?? null,
      ...each.rpc.batches,
      ...each.node.logs.limits,
      stateLackedTo: each.oldState.lackedTo,
      headers: null,
      lastError: each.lastError,
    }));
  }

  #known(endpoint: Endpoint): Known {
    return this.#all.find((each) => each.rpc === endpoint.rpc) ?? this.#current;
  }

  #use(next: Known, reason: string): void {
    if (next === this.#current) return;
    this.#told.onSwitch?.(this.#current.rpc.id, next.rpc.id, this.#current.lastError ?? reason);
    this.#current = next;
  }

  #isBenched(each: Known): boolean {
    return each.benchedUntilMs > this.#clock.nowMs();
  }

  #bestHead(): Block | undefined {
    const heads = this.#all.filter((each) => !this.#isBenched(each)).flatMap((each) => each.head ?? []);
    return heads.sort((a, b) => b.number - a.number)[0];
  }

  /** Asks the others for their heads now and then: only so can a lagging endpoint be told from a quiet chain. */
  async #probe(signal: AbortSignal): Promise<void> {
    const now = this.#clock.nowMs();
    if (now - this.#probedMs < PROBE_EVERY_MS) return;
    this.#probedMs = now;
    const probes = this.#all
      .filter((each) => !this.#isBenched(each))
      .map((each) =>
        this.on(each, async () => {
          each.head = (await each.node.pollHead([], signal)).head;
        }),
      );
    await Promise.allSettled(probes);
    signal.throwIfAborted();
  }

  /** Whether an endpoint serves our chain: its id, its genesis, and a block of ours that is final. */
  async #agrees(each: Known, signal: AbortSignal): Promise<boolean> {
    const now = this.#clock.nowMs();
    if (now - each.agreedMs < AGREE_AGAIN_MS) return true;
    const { chainId, genesisHash, pin } = this.#expected();
    try {
      const seen = await each.node.identity(signal);
      const [pinned] = pin === undefined ? [] : await each.node.blocksAt([pin.number], signal);
      const otherFinal = pin !== undefined && pinned !== null && pinned?.hash !== pin.hash;
      const otherGenesis = genesisHash !== undefined && seen.genesisHash !== genesisHash;
      const wrong =
        seen.chainId !== chainId
          ? `it serves chain ${seen.chainId}, not ${chainId}`
          : otherGenesis
            ? "its genesis is another one"
            : otherFinal
              ? `its block ${pin.number} is not our final one`
              : undefined;
      each.disagrees = wrong !== undefined;
      each.deniesFinal = seen.chainId === chainId && !otherGenesis && otherFinal;
      if (wrong !== undefined)
        throw new LpLedgerError("transient", "WRONG_CHAIN", `the node ${each.rpc.id} disagrees: ${wrong}`);
      if (pin !== undefined && pinned === null)
        throw new LpLedgerError(
          "transient",
          "NODE_BEHIND",
          `the node ${each.rpc.id} does not have our final block ${pin.number}`,
        );
      each.agreedMs = now;
      each.agreed = true;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      this.failed(each, error);
      return false;
    }
  }
}
