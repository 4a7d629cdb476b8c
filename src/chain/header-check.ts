import { judgeHeader } from "../core/header-hash.ts";
import { toHash } from "../core/hex.ts";
import { type Header, unitHint } from "./headers.ts";
import { inconsistent, quantity } from "./logs/read-logs.ts";

/** Local chains, whose stand-ins now and then answer less of a header than a node does. */
const DEVELOPMENT: ReadonlySet<number> = new Set([1_337, 31_337]);

/** Chains whose block hashes are those of their headers in a form that is known: seen on real headers of each. */
export const RECOMPUTED: ReadonlySet<number> = new Set([
  ...[1, 3, 5, 11_155_111, 17_000, 560_048], // Ethereum and its test networks
  ...[42_161, 421_614, 42_170], // Arbitrum
  ...[10, 69, 420, 11_155_420, 8_453, 84_532], // OP Mainnet and Base, with theirs
  ...[100, 77, 99, 10_200], // Gnosis and POA
  ...[137, 80_001, 80_002, 56, 97], // Polygon and BNB
  ...[43_114, 43_113, 534_352, 999, 143, 199, 4_217], // Avalanche, Scroll, HyperEVM, Monad, BTTC, Tempo
  ...DEVELOPMENT,
]);

export interface HeaderRules {
  readonly chainId: number;
  nowMs(): number;
  /** How far a block's time may be ahead of the machine's clock. */
  readonly clockDriftSec: number;
  /** Whether an earlier process saw that the chain's block hashes recompute from its headers. */
  hasRecomputed?(): boolean;
  /** Told once for each endpoint: the times of its blocks rest on comparison alone. */
  onUnauthenticated?(endpoint: string, why: string): void;
}

export type HeaderState = "authentic" | "unauthenticated";

/**
 * Reads block headers, and authenticates each by recomputing its hash where the chain allows that: then no field of it,
 * its time least of all, can be another than the chain's. One for all endpoints of a chain.
 */
export class HeaderCheck {
  readonly #rules: HeaderRules;
  readonly #states = new Map<string, HeaderState>();
  /** A header of the chain was seen to hash to its block. */
  #hasRecomputed = false;

  constructor(rules: HeaderRules) {
    this.#rules = rules;
  }

  /** How the newest header of an endpoint was judged; null before the first. */
  stateOf(endpoint: string): HeaderState | null {
    return this.#states.get(endpoint) ?? null;
  }

  /**
   * A header that an endpoint answered; null where it has none. `asked`: the number that it was asked for by.
   * @throws LOGS_INCONSISTENT where it is of another block, not of the hash it names, or its time is ahead of the
   * machine's clock
   */
  read(raw: unknown, endpoint: string, asked?: number): Header | null {
    if (raw === null || raw === undefined) return null;
    const fields = raw as Record<string, unknown>;
    const block = {
      number: quantity(fields["number"], "block.number"),
      hash: toHash(fields["hash"]),
      parentHash: toHash(fields["parentHash"]),
      timestampSec: quantity(fields["timestamp"], "block.timestamp"),
    };
    if (asked !== undefined && block.number !== asked)
      throw inconsistent(`block ${asked} was asked for, and block ${block.number} was answered`);
    this.#requirePast(block.number, block.timestampSec);
    return { ...block, bloom: fields["logsBloom"], isAuthentic: this.#isAuthentic(fields, block, endpoint) };
  }

  /** Whether a time can be a block's: not before there were blocks, and not ahead of the machine's clock. */
  isPlausible(timestampSec: number): boolean {
    return timestampSec > 0 && timestampSec <= this.#latestSec();
  }

  #latestSec(): number {
    return Math.floor(this.#rules.nowMs() / 1000) + this.#rules.clockDriftSec;
  }

  #requirePast(number: number, timestampSec: number): void {
    const latest = this.#latestSec();
    if (timestampSec <= latest) return;
    throw inconsistent(
      `block ${number} is said to be of the time ${timestampSec}, ${timestampSec - latest + this.#rules.clockDriftSec} s ahead of the machine's clock (CLOCK_DRIFT_SECONDS allows ${this.#rules.clockDriftSec})${unitHint(timestampSec, latest)}`,
    );
  }

  #isAuthentic(
    fields: Record<string, unknown>,
    block: Omit<Header, "bloom" | "isAuthentic">,
    endpoint: string,
  ): boolean {
    const verdict = judgeHeader(fields);
    // Nothing rests on a genesis block but its hash, and chains have made theirs in ways of their own.
    if (block.number === 0) return verdict.kind === "authentic";
    if (verdict.kind === "authentic") {
      this.#hasRecomputed = true;
      this.#states.set(endpoint, "authentic");
      return true;
    }
    if (verdict.kind !== "unknown" && this.#mustRecompute(verdict.kind))
      throw inconsistent(`the header of block ${block.number} ${verdict.why}`);
    if (this.#states.get(endpoint) !== "unauthenticated") {
      const what = `the header of block ${block.number} cannot be authenticated: it ${verdict.why}`;
      this.#rules.onUnauthenticated?.(endpoint, what);
    }
    this.#states.set(endpoint, "unauthenticated");
    return false;
  }

  /** Whether a header of known fields that is not authentic is a false one. */
  #mustRecompute(kind: "differs" | "incomplete"): boolean {
    if (this.#hasRecomputed || this.#rules.hasRecomputed?.() === true) return true;
    const { chainId } = this.#rules;
    return RECOMPUTED.has(chainId) && (kind === "differs" || !DEVELOPMENT.has(chainId));
  }
}
