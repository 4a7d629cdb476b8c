import { createHash } from "node:crypto";
import { isoOf } from "../core/day.ts";
import { shownAddress } from "../core/keccak.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { Counts } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";

/** What a route reads from, all of one snapshot. */
export interface RequestSnapshot {
  readonly store: Store;
  readonly programme: Programme;
  /** Of whole tables; at most some seconds old. */
  readonly counts: () => Counts;
  /** A provider's proof in a final epoch's distribution, or in the totals up to it. */
  proofOf(epoch: number, provider: string, cumulative: boolean): readonly object[];
}

const ADDRESS = /^0x[0-9a-f]{40}$/;

/** The state an answer rests on. */
export interface AsOf {
  readonly number: number;
  readonly hash: string;
  readonly time: string;
  readonly stateDigest: string;
  readonly final: number | null;
  readonly settled: number | null;
}

/** A value with its scale: `units / 10^decimals` of the quote currency. */
export interface Value {
  readonly units: string;
  readonly decimals: number;
}

export function valueIn(units: bigint | null, { quote }: Pick<Programme, "quote">): Value | null {
  return units === null ? null : { units: `${units}`, decimals: quote.decimals };
}

/** The block an answer rests on; null before the first. */
export function asOf({ blocks, config }: Store): AsOf | null {
  const tip = blocks.tip();
  if (tip === undefined) return null;
  return {
    number: tip.number,
    hash: tip.hash,
    time: isoOf(tip.timestampSec),
    stateDigest: tip.stateDigest,
    final: config.get("final_block") ?? null,
    settled: config.get("settled_block") ?? null,
  };
}

/** The same with the checksum of every address in it, whether it is a value or a key. */
export function allShown(value: unknown): unknown {
  if (typeof value === "string") return ADDRESS.test(value) ? shownAddress(value) : value;
  if (Array.isArray(value)) return value.map(allShown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [allShown(key), allShown(each)]));
}

/** Tags a body, so that who has it already need not get it again. */
export function tagOf(body: string): string {
  return `"${createHash("sha256").update(body).digest("hex").slice(0, 32)}"`;
}

/** A problem in the words of RFC 9457. */
export function problem(
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(`${JSON.stringify({ type: "about:blank", title, status, detail })}\n`, {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}

/** An error that becomes a problem. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.status = status;
    this.title = title;
  }
}
