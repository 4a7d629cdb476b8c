import { keccak } from "../core/keccak.ts";
import type { Watch } from "./logs/read-logs.ts";

const BLOOM = /^0x[0-9a-f]{512}$/i;

/** Whether a header's bloom says that a block may hold logs of what is watched. A bloom may only ever add suspicion. */
export class BloomTest {
  readonly #watch: Pick<Watch, "part" | "topics">;
  readonly #addresses: (readonly number[])[] = [];
  readonly #topics: readonly (readonly number[])[];

  constructor(watch: Pick<Watch, "part" | "topics">) {
    this.#watch = watch;
    this.#topics = watch.topics.map(bitsOf);
  }

  /** False also where the bloom says nothing: some chains give none, all zeros or all ones. */
  suspects(bloom: unknown): boolean {
    if (typeof bloom !== "string" || !BLOOM.test(bloom)) return false;
    const bytes = Buffer.from(bloom.slice(2), "hex");
    if (bytes.every((byte) => byte === 0) || bytes.every((byte) => byte === 0xff)) return false;
    const has = (bits: readonly number[]): boolean =>
      bits.every((bit) => ((bytes[255 - (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0);
    this.#addresses.push(...this.#watch.part(this.#addresses.length).addresses.map(bitsOf));
    return this.#addresses.some(has) && this.#topics.some(has);
  }
}

/**
 * The three bits that a value sets: the low 11 bits of each of the first three pairs of bytes of its hash (yellow
 * paper, 4.3.1).
 */
export function bitsOf(value: string): readonly number[] {
  const hash = keccak(Buffer.from(value.slice(2), "hex"));
  return [0, 2, 4].map((i) => (((hash[i] ?? 0) << 8) | (hash[i + 1] ?? 0)) & 2047);
}
