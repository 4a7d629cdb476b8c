import { join } from "node:path";
import type { Block, Range } from "../../src/core/chain.ts";
import { toHash } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { openStore, temporaryFolder } from "./ledger.ts";
import { type Draft, logsOf } from "./logs.ts";

export const START_SEC = 1_767_225_600;
const SECONDS_PER_BLOCK = 9_000;

/** A ledger in a file, whose process may end at any time; ranges are handed to it without a chain. */
export class Process {
  readonly #path = join(temporaryFolder(), "ledger.sqlite");
  readonly #programme: Programme;
  #opened: ReturnType<typeof openStore>;
  keeper: Bookkeeper;

  constructor(programme: Programme) {
    this.#programme = programme;
    this.#opened = openStore(this.#path);
    this.store.write(() => adoptProgramme(this.store, programme, sha256));
    this.keeper = this.#fresh();
  }

  get store() {
    return this.#opened.store;
  }

  #fresh(): Bookkeeper {
    return new Bookkeeper(this.store, this.#programme, sha256);
  }

  dropWorkingCopies(): void {
    this.keeper = this.#fresh();
  }

  restart(): void {
    this.#opened.close();
    this.#opened = openStore(this.#path);
    this.keeper = this.#fresh();
  }
}

/** Block 1 and those after it, 2 h 30 min apart. */
export function blockAt(number: number): Block {
  const hash = (i: number) => toHash(`0x${sha256(`block ${i}`)}`);
  const timestampSec = START_SEC + number * SECONDS_PER_BLOCK;
  return { number, hash: hash(number), parentHash: hash(number - 1), timestampSec };
}

/** One range a block, one block a transaction, from block 1 on. */
export function rangesOf(transactions: readonly (readonly Draft[])[]): readonly Range[] {
  return transactions.map((drafts, i) => {
    const end = blockAt(i + 1);
    const blocks = drafts.length === 0 ? [] : [{ ...end, logs: logsOf(drafts) }];
    return { from: end.number, parentHash: end.parentHash, end, blocks };
  });
}
