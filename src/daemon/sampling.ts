import { questionText } from "../core/amm/contract-call.ts";
import type { Clock } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import { DENIED, wayOutOf } from "../core/identities.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import { type Expectation, expectationsOfOne, expectationsOfSilent, stakersOf } from "../ledger/expectations.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { accountsAt, type HeldAccount, someAccounts, someSilentPool } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";
import type { VerifyPort } from "./verify.ts";

export interface SamplePlan {
  /** Positions compared a minute; zero: none. */
  size(): number;
  readonly random: () => number;
  /**
   * Whether a pool whose contracts deny what the ledger says holds up its own epochs alone; otherwise it stops the
   * ledger.
   */
  readonly quarantine: boolean;
  /** The node could not answer about a block that old. */
  onUnanswered?(questions: number): void;
  /** What the ledger goes on without having explained. */
  onDiffers?(error: LpLedgerError): void;
}

const EVERY_MS = 60_000;

/**
 * Compares a few positions a minute with what the contracts answer at the settled block. A difference is a finding of
 * its pool, which holds up the epochs in which it counts.
 */
export class Sampling {
  readonly #store: Store;
  readonly #programme: Programme;
  readonly #chain: VerifyPort;
  readonly #plan: SamplePlan;
  readonly #clock: Clock;
  #dueMs: number;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(store: Store, programme: Programme, chain: VerifyPort, plan: SamplePlan, clock: Clock) {
    this.#store = store;
    this.#programme = programme;
    this.#chain = chain;
    this.#plan = plan;
    this.#clock = clock;
    this.#dueMs = clock.nowMs();
  }

  /** Called at the head; begins a comparison where one is due. @throws what an earlier one found. */
  tick(signal: AbortSignal): void {
    if (this.#failure !== undefined) throw this.#failure;
    const now = this.#clock.nowMs();
    const size = this.#plan.size();
    if (size === 0 || this.#running !== undefined || now < this.#dueMs) return;
    this.#dueMs = now + EVERY_MS;
    this.#running = this.#compare(size, signal)
      .catch((error: unknown) => {
        // The node's weather spoils a sample, not the ledger.
        if (error instanceof LpLedgerError && error.kind === "transient") return;
        if (!signal.aborted) this.#failure = error;
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  async #compare(size: number, signal: AbortSignal): Promise<void> {
    const block = this.#store.config.get("settled_block");
    const at = block === undefined ? undefined : this.#store.blocks.at(block);
    if (at === undefined) return;
    const ids = someAccounts(this.#store.db, size, this.#plan.random);
    const { findings, quarantines, refetches } = this.#store;
    // What was found waits for a person, who may have explained it for this block.
    const found = findings
      .all()
      .filter((each) => isDenied(each) && (each.resolution === null || each.blockNumber === block));
    const out: ReadonlySet<string> = new Set([
      ...refetches.waiting(),
      ...quarantines.outAt(at),
      ...found.map(({ pool }) => pool),
    ]);
    const accounts = accountsAt(this.#store.db, at.number, ids).filter(({ pool }) => !out.has(pool));
    const { pools } = withDiscovered(this.#store, this.#programme);
    // What never said anything may have been left out by whoever was asked.
    const silent = someSilentPool(this.#store.db, this.#plan.random);
    const quiet = pools.filter(
      ({ address, startBlock }) => address === silent && startBlock <= at.number && !out.has(address),
    );
    const expectations = [
      ...accounts.flatMap((each) =>
        this.#expectationsOf(pools, each).map((expectation) => ({ ...expectation, pool: each.pool })),
      ),
      ...quiet.flatMap((each) =>
        expectationsOfSilent(this.#store, each, at.number).map((expectation) => ({
          ...expectation,
          pool: each.address,
        })),
      ),
    ];
    if (expectations.length === 0) return;
    const [theirs] = await this.#chain.blocksAt([at.number], signal);
    if (theirs?.hash !== at.hash) return; // The guard judges that, not a sample.
    const differing = await this.#differing(expectations, at.number, signal);
    // A node may answer once out of step with itself: what differs twice differs.
    const [first] = differing.length === 0 ? [] : await this.#differing(differing, at.number, signal);
    if (first === undefined) return;
    const { question, expected, answer } = first;
    const finding = {
      identity: DENIED,
      pool: first.pool,
      blockNumber: at.number,
      logIndex: 0,
      expected: `${questionText(question)}: ${answer}`,
      actual: expected,
    };
    this.#store.write(() => findings.insert(finding));
    const [says, ...ways] = [
      `at block ${at.number} ${finding.expected} on the chain, ${expected} in the ledger`,
      ...wayOutOf(DENIED, first.pool),
    ];
    const error = new LpLedgerError("invariant", "VERIFY_DIFFERS", says, {
      facts: { finding },
      hint: `epochs of that pool must not be paid until this is explained: run lp-ledger verify, and compare with another node; then ${ways.join("; or ")}`,
    });
    if (!this.#plan.quarantine) throw error;
    this.#plan.onDiffers?.(error);
  }

  async #differing<T extends Expectation>(expectations: readonly T[], block: number, signal: AbortSignal) {
    const questions = expectations.map(({ question }) => question);
    const answers = await this.#chain.ask(questions, block, signal);
    const unanswered = answers.filter((answer) => answer === null).length;
    if (unanswered > 0) this.#plan.onUnanswered?.(unanswered);
    return expectations.flatMap((each, i) => {
      const answer = answers[i] ?? null;
      return answer === null || answer === each.expected ? [] : [{ ...each, answer }];
    });
  }

  #expectationsOf(pools: readonly Pool[], account: HeldAccount): readonly Expectation[] {
    const pool = pools.find(({ address }) => address === account.pool);
    return pool === undefined ? [] : expectationsOfOne(pool, account, stakersOf(this.#programme));
  }
}

function isDenied({ identity }: { readonly identity: string }): boolean {
  return identity === DENIED;
}
