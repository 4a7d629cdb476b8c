import type { Books } from "../core/books.ts";
import type { Sha256 } from "../core/digest.ts";
import type { Pool } from "../core/programme.ts";

/**
 * The digest of a state (see `stateDigest`), told after each block with events: what was made of each pool's digest is kept,
 * so that a block costs what it changed and one hash, however many pools there are.
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

  /** The digest of what the books hold now of these pools. */
  of(pools: readonly Pool[], books: Books): string {
    if (pools !== this.#pools) this.#begin(pools);
    this.#inOrder.forEach(({ address }, i) => {
      const digest = books.digest(address);
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
