import type { Sha256 } from "../core/accounting/digest.ts";
import type { WorkingSet } from "../core/accounting/working-set.ts";
import type { Pool } from "../core/programme/programme.ts";
import { digestInQuarantine, type Stops } from "../core/programme/quarantine.ts";

/**
 * The digest of a state (see `stateDigest`), told after each block with events: what was made of each pool's digest is
 * kept, so that a block costs what it changed and one hash, however many pools there are.
 */
export class StateDigest {
  readonly #sha256: Sha256;
  #pools: readonly Pool[] = [];
  #inOrder: readonly Pool[] = [];
  #digests: (string | undefined)[] = [];
  #lines: string[] = [];
  #newest = "";
  #changed = true;

  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
  }

  /** The digest of what the books hold of these pools at a block; one that is stopped says so. */
  of(
    pools: readonly Pool[],
    books: WorkingSet,
    { stops, at }: { readonly stops: Stops; readonly at: Parameters<typeof digestInQuarantine>[2] },
  ): string {
    if (pools !== this.#pools) this.#begin(pools);
    this.#inOrder.forEach(({ address }, i) => {
      const own = books.digest(address);
      const digest = stops.size === 0 ? own : digestInQuarantine(own, stops.get(address), at);
      if (digest === this.#digests[i]) return;
      this.#digests[i] = digest;
      this.#lines[i] = digest === "" ? "" : `${address} ${digest}`;
      this.#changed = true;
    });
    if (this.#changed) this.#newest = this.#sha256(this.#lines.filter((line) => line !== "").join("\n"));
    this.#changed = false;
    return this.#newest;
  }

  #begin(pools: readonly Pool[]): void {
    this.#pools = pools;
    this.#inOrder = [...pools].sort((a, b) => (a.address < b.address ? -1 : 1));
    this.#digests = [];
    this.#lines = [];
    this.#changed = true;
  }
}
