import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from "node:fs";
import { FollowedChain } from "../src/chain/followed-chain.ts";
import { packOf, unpacked } from "../src/chain/logs/range-codec.ts";
import { RANGE_LIMITS } from "../src/chain/ranges.ts";
import type { Rpc } from "../src/chain/rpc/rpc.ts";
import type { Range } from "../src/core/chain.ts";
import { toHash } from "../src/core/hex.ts";
import type { Programme } from "../src/core/programme/programme.ts";
import type { ChainPort } from "../src/daemon/chain-port.ts";
import { run } from "../src/daemon/run.ts";
import { Bookkeeper } from "../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../src/ledger/compare-programme.ts";
import { withDiscovered } from "../src/ledger/followed-pools.ts";
import { expectedOf } from "../src/runtime/context.ts";
import { blockLogsDigest, sha256 } from "../src/runtime/platform.ts";
import { type OpenDatabase, openForWriting } from "../src/store/lifecycle/open.ts";
import { Store } from "../src/store/store.ts";
import type { VirtualTime } from "./time.ts";

/** Where a process may be killed. */
export const CRASH_POINTS = ["while waiting", "before a write", "inside a write", "after a write"] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** The end of a killed process: nothing after it reaches the file that the next life begins with. */
export class Killed extends Error {}

export interface LifePlan {
  readonly path: string;
  readonly time: VirtualTime;
  readonly rpcs: readonly Rpc[];
  readonly programme: Programme;
  readonly random: () => number;
  readonly settleMin: number;
  readonly quarantine: boolean;
  readonly acceptDeepReorg?: string;
  /** After every commit, inside the process that made it. */
  onCommit(store: Store): void;
  /** Whatever the process tells anybody. */
  onTold(text: string): void;
}

/** One process: the whole daemon on a file, from its start to its end or its death. */
export class Life {
  readonly store: Store;
  readonly done: Promise<void>;
  readonly path: string;
  /** It cannot settle until another endpoint does well. */
  settlingWaits = false;
  readonly #opened: OpenDatabase;
  readonly #plan: LifePlan;
  readonly #stop = new AbortController();
  #armed: { readonly point: CrashPoint; readonly image: string } | undefined;
  #killed = false;
  #killedAt: CrashPoint = "while waiting";

  constructor(plan: LifePlan) {
    this.#plan = plan;
    this.path = plan.path;
    this.#opened = openForWriting(plan.path);
    // Every commit stays in the write-ahead log, so that a loss of power can take the newest ones away.
    this.#opened.db.pragma("wal_autocheckpoint = 0");
    this.store = new Store(this.#opened.db, plan.time);
    this.#watchWrites();
    if (this.store.config.get("programme") === undefined)
      this.store.write(() => adoptProgramme(this.store, plan.programme, sha256));
    this.done = this.#live();
  }

  async #live(): Promise<void> {
    const { time, rpcs, programme, random, settleMin, quarantine, acceptDeepReorg, onTold } = this.#plan;
    const followed = new FollowedChain(rpcs, withDiscovered(this.store, programme), {
      clock: time,
      random,
      contentOf: blockLogsDigest,
      limits: { ...RANGE_LIMITS, blocksStart: 20, blocksMax: 40 },
      expected: () => expectedOf(this.store, programme),
      onSwitch: (from, to, reason) => onTold(`${from} -> ${to}: ${reason}`),
      onRefused: (id, reason) => onTold(`${id} refused: ${reason}`),
    });
    const keeper = new Bookkeeper(this.store, programme, sha256);
    try {
      await run(keeper, asFromThread(followed), time, this.#stop.signal, {
        pollIntervalMs: () => 2_000,
        giveUpMs: () => 120_000,
        stallMs: () => 60_000,
        once: false,
        settle: { blocksMin: settleMin, rangesMax: 4 },
        quarantine,
        ...(acceptDeepReorg === undefined ? {} : { acceptDeepReorg: toHash(acceptDeepReorg) }),
        onStep: ({ settling }) => {
          if (settling !== "done") this.settlingWaits = settling === "waits";
        },
        onRetry: (error) => onTold(`${error.message} ${JSON.stringify(error.facts)} ${error.hint ?? ""}`),
      });
      onTold(JSON.stringify(followed.health()));
    } finally {
      if (!this.#killed) this.#opened.close();
    }
    if (this.#killed) throw new Killed(`killed ${this.#killedAt}`);
  }

  /** Kills the process at the next such point; its file as it is then becomes `image`. */
  kill(point: CrashPoint, image: string): void {
    if (point !== "while waiting") {
      this.#armed = { point, image };
      return;
    }
    this.#copyTo(image);
    this.#killed = true;
    this.#stop.abort();
  }

  /** Ends gracefully. */
  end(): void {
    this.#stop.abort();
  }

  /** A copy of the file as it is now, with whatever the write-ahead log holds. */
  copyTo(image: string): void {
    this.#copyTo(image);
  }

  /** The disk is full from now on, or has room again. */
  fillDisk(full: boolean): void {
    const pages = Number(this.#opened.db.pragma("page_count", { simple: true }));
    this.#opened.db.pragma(`max_page_count = ${full ? pages : 1_073_741_823}`);
  }

  /** Closes what a killed process left open in ours. */
  bury(): void {
    if (this.#killed) this.#opened.close();
  }

  #watchWrites(): void {
    const { store } = this;
    const write = store.write.bind(store);
    store.write = <T>(work: () => T): T => {
      this.#dieAt("before a write");
      const result = write(() => {
        const made = work();
        this.#dieAt("inside a write");
        return made;
      });
      this.#plan.onCommit(store);
      this.#dieAt("after a write");
      return result;
    };
  }

  #dieAt(point: CrashPoint): void {
    if (this.#killed) throw new Killed("a killed process goes on");
    if (this.#armed?.point !== point) return;
    this.#killedAt = point;
    this.#copyTo(this.#armed.image);
    this.#killed = true;
    this.#stop.abort();
    throw new Killed(`killed ${point}`);
  }

  #copyTo(image: string): void {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${image}${suffix}`, { force: true });
    copyFileSync(this.#plan.path, image);
    if (existsSync(`${this.#plan.path}-wal`)) copyFileSync(`${this.#plan.path}-wal`, `${image}-wal`);
  }
}

/** The chain as it is for a daemon that has it in another thread: what it hands out was copied on the way. */
function asFromThread(chain: FollowedChain): ChainPort {
  return new Proxy<ChainPort>(chain, {
    get: (_, name: keyof FollowedChain) => {
      const own = chain[name];
      const bound = typeof own === "function" ? (own.bind(chain) as (...args: unknown[]) => unknown) : own;
      if (name !== "ranges" && name !== "refetch") return bound;
      return (...args: unknown[]) => copied((bound as (...all: unknown[]) => AsyncGenerator<Range>)(...args));
    },
  });
}

async function* copied(ranges: AsyncGenerator<Range>): AsyncGenerator<Range> {
  for await (const range of ranges) yield unpacked(structuredClone(packOf(range)), () => range.release?.());
}

/** Takes the newest commits away, as a loss of power may: the write-ahead log ends somewhere. */
export function cutLog(image: string, share: number): void {
  const wal = `${image}-wal`;
  if (existsSync(wal)) truncateSync(wal, Math.floor(statSync(wal).size * share));
}
