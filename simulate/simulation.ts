import { createHash, type Hash as Hasher } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { seeded } from "../demo/life.ts";
import { Rpc } from "../src/chain/rpc/rpc.ts";
import { parseProgramme } from "../src/config.ts";
import { LpLedgerError } from "../src/core/errors.ts";
import { ZERO_ADDRESS } from "../src/core/hex.ts";
import type { Pool, Programme } from "../src/core/programme/programme.ts";
import { converge } from "../src/daemon/converge.ts";
import { Bookkeeper } from "../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../src/ledger/compare-programme.ts";
import { withDiscovered } from "../src/ledger/followed-pools.ts";
import { rebuild } from "../src/ledger/rebuild.ts";
import { sha256 } from "../src/runtime/platform.ts";
import { openForWriting } from "../src/store/lifecycle/open.ts";
import { Store } from "../src/store/store.ts";
import { CurveModel } from "../test/models/curve.ts";
import { FactoryModel, isForeignPair } from "../test/models/factory.ts";
import type { Model } from "../test/models/model.ts";
import { SingletonModel } from "../test/models/singleton.ts";
import { StakerModel } from "../test/models/staker.ts";
import { SHARE, WRAPPED_KINDS, WrappedModel } from "../test/models/wrapped.ts";
import { dumpOf } from "../test/support/dump.ts";
import { type FakeBlock, FakeChain } from "../test/support/fake-chain.ts";
import { chainPort, stillClock } from "../test/support/port.ts";
import { takenUp } from "../test/support/take-up.ts";
import { worldProgramme } from "../test/support/world.ts";
import { FAULTS, type Fault, LIES, type RawLog, TIME_LIES } from "./faults.ts";
import { CRASH_POINTS, cutLog, Killed, Life } from "./life.ts";
import { NO_LIMITS, type NodeLimits, type NodesWorld, type NodeTraits, SECRET, SimNode } from "./nodes.ts";
import { Oracle } from "./oracle.ts";
import { BEFORE_ENVELOPES, BEFORE_LIMITS } from "./regressions.ts";
import { VirtualTime } from "./time.ts";

const DEPTH = 8;
const LIVES_MAX = 400;
const ACTIONS = 30;
const RECOVERY_MS = 3 * 3_600_000;

export interface Outcome {
  readonly seed: number;
  readonly failure: string | null;
  /** Equal for two runs of one seed. */
  readonly trace: string;
  readonly commits: number;
  readonly virtualSeconds: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** Plays one seed from beginning to end, in a folder of its own. */
export async function simulate(seed: number, folder: string): Promise<Outcome> {
  const simulation = new Simulation(seed, folder);
  let failure: string | null = null;
  try {
    await simulation.play();
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    failure = `${what}\n${simulation.lately()}`;
  } finally {
    simulation.clear();
  }
  return { seed, failure, ...simulation.result() };
}

class Simulation {
  readonly #random: () => number;
  readonly #time = new VirtualTime();
  readonly #chain: FakeChain;
  readonly #tree = new Map<string, FakeBlock>();
  readonly #programme: Programme;
  readonly #world: NodesWorld;
  readonly #nodes: SimNode[] = [];
  readonly #rpcs: Rpc[] = [];
  readonly #oracle: Oracle;
  readonly #folder: string;
  readonly #trace: Hasher = createHash("sha256");
  readonly #startMs: number;
  readonly #enabled: ReadonlySet<Fault>;
  readonly #byTag: boolean;
  /** Block hashes are those of the headers, so that no time can be wrong. */
  readonly #isProvable: boolean;
  readonly #settleMin: number;
  readonly #quarantine: boolean;
  /** The pool of which all nodes leave logs out for a while. */
  #hidden: Pool | undefined;
  readonly #counts: Record<string, number> = {};
  readonly #seed: number;
  readonly #age: number;
  #left: readonly FakeBlock[] | undefined;
  /** Draws what nodes bear of a request, and when a clock is set back. */
  #limits: () => number = () => 1;
  /** Draws in which form nodes refuse, when all are silent, and when the clock runs ahead. */
  #strange: () => number = () => 1;
  /** Some node answers long filters with nothing. */
  #isSilentSomewhere = false;
  #stalledFinal: number | undefined;
  #newestFinal = 0;
  #image: string;
  #backup: string | undefined;
  #files = 0;
  #life: Life | undefined;
  #lives = 0;
  #deepReorg = false;
  #accept: string | undefined;
  #finished = false;
  #commits = 0;
  /** What was told last, to understand a failure by. */
  readonly #lately: string[] = [];

  constructor(seed: number, folder: string) {
    this.#seed = seed;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.#random = seeded(seed * 2_654_435_761);
    this.#image = join(folder, "empty.sqlite");
    copyFileSync(emptyLedger(dirname(folder)), this.#image);
    this.#startMs = this.#time.nowMs();
    this.#isProvable = this.#random() < 0.5;
    const models = [
      new CurveModel(false),
      new CurveModel(true),
      new SingletonModel(),
      new WrappedModel(this.#one(WRAPPED_KINDS)),
      new StakerModel(),
      new FactoryModel(),
    ];
    this.#chain = new FakeChain({
      secondsPerBlock: this.#one([12, 600, 20_000]),
      models,
      isProvable: this.#isProvable,
    });
    // The chain is older than the pools, or begins with them.
    this.#age = this.#one([0, 0, 12]);
    this.#chain.growEmpty(this.#age);
    this.#chain.grow(3 + this.#pick(60), seed);
    this.#keep();
    this.#programme = programmeOf(models, this.#age + 1);
    this.#byTag = this.#random() < 0.5;
    this.#settleMin = this.#one([1, 1, 5]);
    // Of every third ledger nothing is stopped alone, as its operator wants it.
    this.#quarantine = seed % 3 !== 0;
    const isPoolHidden = this.#quarantine && seed % 4 === 1;
    const enabled = FAULTS.filter(() => this.#random() < 0.25);
    // Where all nodes lie about one pool alone, whatever else is stopped is an error of ours.
    this.#enabled = new Set(enabled.filter((each) => !isPoolHidden || !LIES.has(each)));
    this.#oracle = new Oracle(
      (hash) => this.#tree.get(hash),
      this.#enabled.has("other-fork") || this.#enabled.has("torn-batch"),
    );
    this.#world = {
      time: this.#time,
      random: this.#random,
      canonical: () => this.#chain.blocks,
      left: () => this.#left,
      finalized: () => this.#finalized(),
      liedAbout: new Set(),
      poolLie: undefined,
      silentUntilMs: 0,
      strange: () => this.#strange(),
      injected: new Map(),
      violations: [],
    };
    if (isPoolHidden) this.#hideLogs();
    // Seeds that failed once go on as they went then: what is newer is drawn from a source of its own.
    if (!BEFORE_LIMITS.has(seed)) this.#limits = seeded(seed * 40_503 + 17);
    if (!BEFORE_ENVELOPES.has(seed)) this.#strange = seeded(seed * 69_069 + 5);
    const count = this.#one([1, 1, 2, 3]);
    for (let i = 0; i < count; i++) this.#nodes.push(new SimNode(this.#world, this.#traits()));
    if (seed % 5 === 0 && count > 1) this.#nodes[count - 1] = this.#stranger();
    const balanced = count > 1 && this.#random() < 0.3 && seed % 5 !== 0;
    for (let i = 0; i < (balanced ? 1 : count); i++) this.#rpcs.push(this.#rpc(i, balanced));
  }

  /** All nodes leave out every fifth log of one pool, in every answer alike, until everything heals. */
  #hideLogs(): void {
    const { pools } = this.#programme;
    const pool = pools[this.#seed % pools.length];
    if (pool === undefined) return;
    this.#hidden = pool;
    const isHidden = (log: RawLog): boolean => {
      if (pool.salted && (log["topics"] as readonly string[])[1] !== pool.address) return false;
      const digest = createHash("sha256")
        .update(`${log.blockHash} ${Number(log.logIndex)}`)
        .digest();
      if ((digest[0] ?? 0) % 5 !== 0) return false;
      this.#world.liedAbout.add(Number(log.blockNumber));
      this.#count("a log that all nodes leave out");
      return true;
    };
    this.#world.poolLie = { contracts: new Set(pool.contracts), isHidden };
  }

  async play(): Promise<void> {
    const work = Promise.all([this.#script(), this.#supervise()]).then(() => {});
    await this.#time.run(work, ACTIONS * 20_000 + RECOVERY_MS + 600_000);
    await this.#compare();
  }

  lately(): string {
    return this.#lately.map((line) => `  ${line}`).join("\n");
  }

  result() {
    const counts = {
      ...this.#counts,
      ...Object.fromEntries([...this.#world.injected].map(([k, v]) => [`fault ${k}`, v])),
    };
    const virtualSeconds = (this.#time.nowMs() - this.#startMs) / 1000;
    return { trace: this.#trace.copy().digest("hex"), commits: this.#commits, virtualSeconds, counts };
  }

  clear(): void {
    try {
      this.#life?.end();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  /** What happens to the world, one thing after another; then everything heals. */
  async #script(): Promise<void> {
    const { signal } = new AbortController();
    for (let i = 0; i < ACTIONS && !this.#finished; i++) {
      await this.#time.sleep(this.#pick(20_000), signal);
      this.#act();
    }
    for (const [i, { traits }] of this.#nodes.entries()) {
      traits.faults = new Map();
      traits.lag = 0;
      traits.onOldBranch = false;
      traits.clock = null;
      traits.strange = 0;
      // A limit that is told stays; what is not told heals like every lie.
      if (traits.limits.isSilent) traits.limits = NO_LIMITS;
      // Where there are several endpoints, the preferred one may be gone for ever.
      const others = this.#nodes.filter((each) => each.traits.chainId === 31337).length > 1;
      traits.down = i === 0 && others && this.#rpcs.length > 1 && this.#random() < 0.3;
    }
    this.#world.poolLie = undefined;
    this.#world.silentUntilMs = 0;
    this.#stalledFinal = undefined;
    if (this.#life?.store.db.open === true) this.#life.fillDisk(false);
    this.#chain.grow(1, this.#seed + 7);
    // What was told before must be final by then: above the final block nothing is promised.
    this.#chain.growEmpty(DEPTH + 2);
    this.#keep();
    const startMs = this.#time.nowMs();
    const endMs = startMs + RECOVERY_MS;
    while (!this.#isCaughtUp()) {
      if (this.#time.nowMs() > startMs + RECOVERY_MS / 12) this.#takeOutWhatIsGone();
      if (this.#time.nowMs() > endMs)
        throw new Error(`not caught up ${RECOVERY_MS / 1000} s after everything healed: ${this.#standing()}`);
      await this.#time.sleep(1_000, signal);
    }
    this.#finished = true;
    this.#life?.end();
  }

  /**
   * Where no hash proves the times, one endpoint of several that is gone holds up what settles, and what its word for
   * the tip's time is compared with: the daemon says so, and its operator takes that endpoint out of the configuration.
   */
  #takeOutWhatIsGone(): void {
    const isGone = this.#nodes[0]?.traits.down === true && this.#rpcs[0]?.id === "n1";
    const waits = this.#life?.settlingWaits === true || this.#lately.at(-1)?.includes("take out of RPC_URLS");
    if (!isGone || this.#isProvable || !waits) return;
    this.#count("an endpoint that is gone was taken out");
    this.#rpcs.shift();
    this.#life?.end();
  }

  #isCaughtUp(): boolean {
    const store = this.#life?.store;
    if (store === undefined || !store.db.open) return false;
    const tip = store.blocks.tip();
    return (
      tip?.hash === this.#chain.head.hash &&
      (store.config.get("settled_block") ?? -1) > (store.config.get("final_block") ?? 0) - this.#settleMin &&
      (store.config.get("final_block") ?? -1) >= this.#chain.head.number - DEPTH
    );
  }

  #standing(): string {
    const store = this.#life?.store;
    if (store === undefined || !store.db.open) return "no process";
    const [final, settled] = [store.config.get("final_block"), store.config.get("settled_block")];
    return `tip ${store.blocks.tip()?.number} of ${this.#chain.head.number}, final ${final}, settled ${settled}`;
  }

  /** Starts the process again whenever it ends, as an operator's supervisor would. */
  async #supervise(): Promise<void> {
    const { signal } = new AbortController();
    while (!this.#finished) {
      if (++this.#lives > LIVES_MAX) throw new Error(`it was started ${LIVES_MAX} times`);
      const path = this.#begin();
      const life = new Life({
        path,
        time: this.#time,
        rpcs: this.#rpcs,
        programme: this.#programme,
        random: this.#random,
        settleMin: this.#settleMin,
        quarantine: this.#quarantine,
        ...(this.#accept === undefined ? {} : { acceptDeepReorg: this.#accept }),
        onCommit: (store) => this.#committed(store),
        onTold: (text) => this.#told(text),
      });
      this.#life = life;
      this.#oracle.acceptFork(this.#accept !== undefined);
      this.#accept = undefined;
      try {
        await life.done;
        this.#image = path;
      } catch (error) {
        if (error instanceof Killed) this.#count(error.message);
        else {
          this.#image = path;
          this.#judge(error);
        }
      } finally {
        life.bury();
      }
      this.#trace.update(`${this.#time.nowMs()} end\n`);
      if (!this.#finished) await this.#time.sleep(1_000 + this.#pick(5_000), signal);
    }
  }

  /** The file of the next life: what the last one left. */
  #begin(): string {
    const path = this.#newFile();
    for (const suffix of ["", "-wal"]) {
      if (existsSync(`${this.#image}${suffix}`)) copyFileSync(`${this.#image}${suffix}`, `${path}${suffix}`);
      rmSync(`${this.#image}${suffix}`, { force: true });
    }
    return path;
  }

  #newFile(): string {
    this.#files += 1;
    return join(this.#folder, `${this.#files}.sqlite`);
  }

  #committed(store: Store): void {
    this.#commits += 1;
    const tip = store.blocks.tip();
    this.#trace.update(`${this.#time.nowMs()} ${tip?.number} ${tip?.stateDigest}\n`);
    this.#oracle.check(store.db);
    if (this.#hidden === undefined) return;
    const { address } = this.#hidden;
    const other = store.quarantines.all().find(({ pool }) => pool !== address);
    if (other !== undefined) throw new Error(`all nodes lie about pool ${address} alone, and ${other.pool} is stopped`);
    this.#count(
      `commits ${store.quarantines.all().length === 0 ? "beside a pool that is lied about" : "beside a pool in quarantine"}`,
    );
  }

  /** A process that ended by itself: was that an honest way to end? */
  #judge(error: unknown): void {
    if (!(error instanceof LpLedgerError)) throw error;
    this.#told(`${error.message} ${JSON.stringify(error.facts)} ${error.hint}`);
    this.#count(`exit ${error.exitCode} ${error.code}`);
    const lies = this.#isSilentSomewhere || [...LIES].some((lie) => this.#enabled.has(lie));
    if (error.code === "DEEP_REORG") {
      // A node may have shown a branch that was left until its blocks were final for us.
      const misled =
        this.#counts["a node stays on the old branch"] !== undefined ||
        this.#enabled.has("other-fork") ||
        this.#enabled.has("torn-batch");
      if (this.#deepReorg || misled) {
        const first = error.facts["firstForeignHash"];
        // The operator looks first: only a block of the chain that everybody follows by now is accepted.
        if (typeof first === "string" && this.#chain.blocks.some((block) => block.hash === first)) this.#accept = first;
        return;
      }
    } else if (error.kind === "transient") return;
    else if (error.code === "WRONG_CHAIN" && this.#enabled.has("wrong-chain")) return;
    else if (error.exitCode === 70 && lies) return;
    throw new Error(
      `it ended with ${error.exitCode} ${error.code}, which nothing in this run excuses: ${error.message}`,
    );
  }

  #act(): void {
    if (this.#limits() < 0.03) {
      this.#count("a clock that was set back");
      this.#time.setBack(Math.floor(this.#limits() * 7_200_000));
    }
    this.#actStrangely();
    const life = this.#life?.store.db.open === true ? this.#life : undefined;
    const { blocks, head } = this.#chain;
    const dice = this.#random();
    const label = this.#seed * 1000 + this.#pick(1000);
    if (dice < 0.35) this.#chain.grow(1 + this.#pick(6), label);
    else if (dice < 0.4) this.#chain.growEmpty(1 + this.#pick(15));
    else if (dice < 0.43) this.#chain.grow(20, label);
    else if (dice < 0.58) this.#reorg(label);
    else if (
      dice < 0.6 &&
      this.#left?.[this.#newestFinal]?.hash === blocks[this.#newestFinal]?.hash &&
      this.#left !== undefined
    ) {
      const before = [...blocks];
      this.#chain.show(this.#left);
      this.#left = before;
      this.#count("flap back");
    } else if (dice < 0.61 && head.number > this.#newestFinal + 1 && this.#newestFinal > 3) {
      this.#left = [...blocks];
      // Not below the pools' birth: a chain on which they are older is another programme's.
      this.#chain.reorg(Math.max(this.#age, this.#newestFinal - 1 - this.#pick(2)), DEPTH + 6, label);
      this.#newestFinal = Math.max(0, this.#newestFinal - 3);
      this.#stalledFinal = undefined;
      this.#deepReorg = true;
      const isOneByOne = this.#nodes.some(({ traits }) => Number.isFinite(traits.limits.calls));
      if (isOneByOne || this.#enabled.has("error-row")) this.#oracle.mayBeTorn();
      this.#count("reorg below final");
    } else if (dice < 0.66) this.#stalledFinal = this.#stalledFinal === undefined ? this.#newestFinal : undefined;
    else if (dice < 0.76) {
      const { traits } = this.#one(this.#nodes);
      traits.lag = this.#pick(5);
      traits.down = this.#random() < 0.2;
      traits.onOldBranch = this.#left !== undefined && this.#random() < 0.3;
      if (traits.onOldBranch) this.#count("a node stays on the old branch");
      // Where nothing proves a time, one that is always told is the truth for all that anybody can know.
      traits.clock = this.#isProvable && this.#random() < 0.15 ? this.#pick(TIME_LIES.length) : null;
      if (traits.clock !== null) this.#count("a node's clock is wrong");
      traits.faults = this.#faults();
    } else if (dice < 0.9 && life !== undefined) this.#kill(life);
    else if (dice < 0.94 && life !== undefined) {
      life.fillDisk(this.#random() < 0.6);
      this.#count("disk full or not");
    } else if (dice < 0.96 && life !== undefined) {
      this.#backup ??= this.#newFile();
      life.copyTo(this.#backup);
    } else if (
      dice > 0.9 &&
      life !== undefined &&
      this.#seed % 20 === 0 &&
      this.#counts["second instance"] === undefined
    ) {
      this.#refuseSecond(life);
    }
    this.#keep();
  }

  #actStrangely(): void {
    if (this.#strange() < 0.02) {
      this.#count("all nodes are silent");
      this.#world.silentUntilMs = this.#time.nowMs() + this.#strange() * 600_000;
    }
    if (this.#strange() < 0.01) {
      this.#count("a clock that jumps ahead by years");
      this.#time.setBack(-Math.floor(this.#strange() * 3 * 365 * 86_400_000));
    }
  }

  /** A second process on the same file is refused, and the first goes on. */
  #refuseSecond(life: Life): void {
    this.#count("second instance");
    let second: { close(): void };
    try {
      second = openForWriting(life.path);
    } catch (error) {
      if (error instanceof LpLedgerError && error.code === "LOCKED") return;
      throw error;
    }
    second.close();
    throw new Error("a second instance was let in");
  }

  #kill(life: Life): void {
    const point = this.#one(CRASH_POINTS);
    this.#image = this.#newFile();
    const restored = this.#backup !== undefined && this.#random() < 0.1 ? this.#backup : undefined;
    life.kill(point, this.#image);
    if (point !== "while waiting") return;
    if (restored !== undefined) {
      for (const suffix of ["", "-wal"]) {
        rmSync(`${this.#image}${suffix}`, { force: true });
        if (existsSync(`${restored}${suffix}`)) copyFileSync(`${restored}${suffix}`, `${this.#image}${suffix}`);
      }
      this.#oracle.forget();
      this.#count("restored from a backup");
    } else if (this.#random() < 0.4) {
      cutLog(this.#image, this.#random());
      this.#oracle.forget();
      this.#count("power loss");
    }
  }

  /** To a longer, an equal or a shorter chain, above what is final. */
  #reorg(label: number): void {
    const { head, blocks } = this.#chain;
    const floor = Math.max(this.#newestFinal, this.#age); // Nor below the pools' birth.
    const deepest = head.number - floor;
    if (deepest < 1) return;
    let depth = 1;
    while (depth < deepest && this.#random() < 0.6) depth += 1;
    const grown = Math.max(1, depth + this.#one([-2, -1, 0, 0, 1, 2, 5]));
    this.#left = [...blocks];
    this.#chain.reorg(head.number - depth, grown, label);
    this.#count("reorg");
  }

  #finalized(): number | null {
    if (!this.#byTag) return null;
    return this.#stalledFinal ?? this.#newestFinal;
  }

  /** Remembers every block, and how far the chain can no longer be reorganised. */
  #keep(): void {
    for (const block of this.#chain.blocks) this.#tree.set(block.hash, block);
    this.#newestFinal = Math.max(this.#newestFinal, this.#chain.head.number - DEPTH);
  }

  #told(text: string): void {
    this.#lately.push(`${Math.round((this.#time.nowMs() - this.#startMs) / 1000)} s: ${text.slice(0, 400)}`);
    if (this.#lately.length > 12) this.#lately.shift();
    if (text.includes(SECRET)) throw new Error(`a secret was told: ${text}`);
  }

  /** At the end: the file is what a straight reading of the final chain makes, and keeps no secret. */
  async #compare(): Promise<void> {
    const [violation] = this.#world.violations;
    if (violation !== undefined) throw new Error(violation);
    const opened = openForWriting(this.#image);
    const straightPath = this.#newFile();
    copyFileSync(emptyLedger(dirname(this.#folder)), straightPath);
    const straight = openForWriting(straightPath);
    try {
      const store = new Store(opened.db, stillClock);
      this.#told(JSON.stringify([store.config.all(), store.findings.open()]));
      this.#requireSoundRepairs(store);
      const alone = new Store(straight.db, stillClock);
      const expected = await this.#straightDump(alone);
      if (this.#hidden !== undefined) await this.#fetchAgain(store, alone, this.#hidden);
      const actual = dumpOf(store);
      if (actual !== expected)
        throw new Error(`the ledger differs from a straight reading: ${firstDifference(actual, expected)}`);
      store.write(() => rebuild(store, this.#programme, sha256));
      const rebuilt = dumpOf(store);
      if (rebuilt !== expected) throw new Error(`a rebuild differs: ${firstDifference(rebuilt, expected)}`);
    } finally {
      opened.close();
      straight.close();
    }
  }

  /**
   * What nodes agreed to leave out nobody finds: an operator has that pool's history fetched again. All others never
   * suffered.
   */
  async #fetchAgain(store: Store, straight: Store, { address }: Pool): Promise<void> {
    const othersIn = ({ db }: Store): string =>
      ["lp_events", "pool_states", "positions"]
        .flatMap((table) =>
          db.prepare(`select * from ${table} where pool_address <> ? order by 1, 2, 3, 4`).raw().all(address),
        )
        .map((row) => JSON.stringify(row))
        .join("\n");
    const [ours, theirs] = [othersIn(store), othersIn(straight)];
    if (ours !== theirs) throw new Error(`another pool suffered: ${firstDifference(ours, theirs)}`);
    store.write(() => store.refetches.order({ kind: "refetch", pool: address }, "all nodes lied", store.nowIso()));
    await takenUp(store, this.#chain, this.#programme, this.#newFile());
    const port = chainPort(this.#chain.fetch, withDiscovered(store, this.#programme));
    const keeper = new Bookkeeper(store, this.#programme, sha256);
    for (let i = 0; i < 3; i++) await converge(keeper, port, new AbortController().signal, { quarantine: true });
    this.#count("a pool was fetched again");
  }

  /** Where no node left anything out, a second reading that differed means that the first was put together wrongly. */
  #requireSoundRepairs(store: Store): void {
    // And no repair may leave out what a block really holds: nodes lie about a block once, so certainty can be had.
    if (this.#hidden !== undefined) return;
    for (const { hash, found } of store.db
      .prepare<[], { hash: string; found: number }>("select block_hash as hash, found_logs as found from repairs")
      .all()) {
      const truth = this.#tree.get(hash)?.logs.filter(({ address }) => !isForeignPair(address)).length;
      if (found !== truth) throw new Error(`a repair found ${found} logs in the block ${hash}, which has ${truth}`);
    }
    const lied = this.#isSilentSomewhere || [...LIES].some((lie) => lie !== "torn-batch" && this.#enabled.has(lie));
    if (lied || this.#deepReorg || this.#counts["a node stays on the old branch"] !== undefined) return;
    const { count, lastBlock } = store.contents.repairs();
    if (count > 0) throw new Error(`${count} repairs, the last at block ${lastBlock}, though no node lied`);
  }

  /** The final chain, read once from an honest node that answers at once. */
  async #straightDump(store: Store): Promise<string> {
    store.write(() => adoptProgramme(store, this.#programme, sha256));
    const keeper = new Bookkeeper(store, this.#programme, sha256);
    const port = chainPort(this.#chain.fetch, this.#programme);
    for (let i = 0; i < 3; i++) await converge(keeper, port, new AbortController().signal);
    return dumpOf(store);
  }

  #traits(): NodeTraits {
    return {
      lag: this.#random() < 0.3 ? this.#pick(4) : 0,
      onOldBranch: false,
      down: false,
      chainId: 31337,
      rangeMax: this.#one([5, 13, 1000, 1000]),
      withBlockTimestamp: this.#random() < 0.6,
      isProvable: this.#isProvable,
      clock: null,
      receipts: this.#one(["none", "single", "whole"] as const),
      faults: this.#faults(),
      limits: this.#drawnLimits(),
      strange: this.#strange() < 0.3 ? this.#strange() * 0.1 : 0,
    };
  }

  #drawnLimits(): NodeLimits {
    const draw = this.#limits;
    const one = <T>(choices: readonly T[]): T => choices[Math.floor(draw() * choices.length)] as T;
    if (draw() >= 0.4) return NO_LIMITS;
    const isSilent = draw() < 0.25 && this.#hidden === undefined;
    if (isSilent) this.#isSilentSomewhere = true;
    return {
      calls: one([Number.POSITIVE_INFINITY, 1, 2, 3, 10]),
      says: one(["a text", "forbidden", "of each call"] as const),
      addresses: isSilent ? 16 : one([Number.POSITIVE_INFINITY, 1, 5, 16]),
      topics: this.#strange() < 0.3 ? Math.ceil(this.#strange() * 4) : Number.POSITIVE_INFINITY,
      isSilent,
      losesReceipts: draw() < 0.3,
    };
  }

  /** A node of another chain, by an operator's mistake among ours: it does well, and must never be followed. */
  #stranger(): SimNode {
    const chain = new FakeChain({ genesis: "another chain", secondsPerBlock: 600 });
    chain.grow(200, this.#seed);
    const finalized = (): number => chain.head.number - DEPTH;
    const world = { ...this.#world, canonical: () => chain.blocks, left: () => undefined, finalized };
    return new SimNode(world, { ...this.#traits(), chainId: 5, faults: new Map() });
  }

  #faults(): ReadonlyMap<Fault, number> {
    const rate = this.#one([0, 0.02, 0.1, 0.3]);
    return new Map([...this.#enabled].map((fault) => [fault, rate * this.#random()]));
  }

  #rpc(i: number, balanced: boolean): Rpc {
    const fetch = (_url: string, init: RequestInit): Promise<Response> =>
      (balanced ? this.#one(this.#nodes) : (this.#nodes[i] as SimNode)).serve(init);
    const url = `http://user:${SECRET}@127.0.0.1:${i + 1}/${SECRET}?key=${SECRET}`;
    return new Rpc({ id: `n${i + 1}`, url, fetch, clock: this.#time, timeoutMs: 5_000, bodyBytesMax: 2 ** 24 });
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#pick(choices.length)] as T;
  }

  #pick(below: number): number {
    return Math.floor(this.#random() * below);
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}

/** A ledger in which nothing happened yet, made once: migrations take longer than a short life. */
function emptyLedger(folder: string): string {
  const path = join(folder, "empty.sqlite");
  if (existsSync(path)) return path;
  openForWriting(path).close();
  for (const suffix of ["-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  return path;
}

/** The pools, factories and wrappers of the world and of these models, all from one block on. */
function programmeOf(models: readonly Model[], startBlock: number): Programme {
  const world = worldProgramme({ finality: { fallbackDepth: DEPTH, minDepth: 0 } });
  const files = [world, ...models.map((each) => each.programme() as Readonly<Record<string, unknown>>)];
  const all = (key: string): object[] => files.flatMap((file) => (file[key] ?? []) as object[]);
  const born = (key: string): object[] => all(key).map((each) => ({ ...each, startBlock }));
  const prices = { ...(world["prices"] as object), [ZERO_ADDRESS]: { fixed: "3" }, [SHARE]: { fixed: "1" } };
  const file = { ...world, pools: born("pools"), factories: born("factories"), wrappers: all("wrappers"), prices };
  return parseProgramme(file, "the simulation");
}

/** The first line that two dumps do not share. */
function firstDifference(actual: string, expected: string): string {
  const [ours, theirs] = [actual.split("\n"), expected.split("\n")];
  const [extra] = ours.filter((line) => !theirs.includes(line));
  const [missing] = theirs.filter((line) => !ours.includes(line));
  return `${extra?.slice(0, 300)} instead of ${missing?.slice(0, 300)}`;
}
