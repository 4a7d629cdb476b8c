import type { Sha256 } from "../core/accounting/digest.ts";
import { dayStartSec, isoOf } from "../core/day.ts";
import { invariant, LpLedgerError } from "../core/errors.ts";
import { toPoolId } from "../core/hex.ts";
import { canonicalRules, rulesFrom } from "../core/programme/canonical.ts";
import type { Epoch, RewardRules } from "../core/programme/rules.ts";
import {
  differencesOf,
  type EpochRecord,
  type EpochResult,
  heldRecordOf,
  resultText,
  sumsOf,
} from "../core/rewards/epoch-record.ts";
import { type Before, leftBy, NOTHING_BEFORE, rewardsOf } from "../core/rewards/rewards.ts";
import type { StoredEpoch } from "../store/rewards.ts";
import type { Store } from "../store/store.ts";
import { lastDayOf, waitingFor } from "./epoch-waits.ts";
import { heldThen, holdingOf } from "./held-back.ts";
import { epochOf, type Rewarding } from "./rewarding.ts";

/**
 * Calculates an epoch, and those before it that are not final, since what they leave over goes on; ascending. The
 * caller holds a transaction, so that everything is of one state.
 * @throws EPOCH_OPEN and others of `waitingFor`
 */
export function calculateUpTo(store: Store, rewarding: Rewarding, number: number): readonly EpochResult[] {
  const epochs = store.rewards.epochs();
  const last = epochs.findLast(({ record, state }) => state === "final" && record.epoch < number);
  let before = last && store.rewards.resultOf(last);
  const results: EpochResult[] = [];
  for (let each = (last?.record.epoch ?? 0) + 1; each <= number; each++) {
    const calculated = results.map(({ record }) => record);
    before = calculate(store, rewarding, epochOf(rewarding, each), before, { calculated });
    results.push(before);
  }
  return results;
}

/** What decides what is held back and given out later. */
interface Beside {
  /** Epochs before it that are not final and were calculated with it. */
  readonly calculated?: readonly EpochRecord[];
  /** It is final, and held back what it did. */
  readonly frozen?: EpochRecord;
}

/** Calculates one epoch after the one before it. */
export function calculate(
  store: Store,
  rewarding: Rewarding,
  epoch: Epoch,
  before: EpochResult | undefined,
  { calculated = [], frozen }: Beside = {},
): EpochResult {
  const { rules, rewards } = rewarding;
  const waiting = waitingFor(store, rewards, epoch);
  if (waiting !== undefined) throw waiting;
  const weights = store.tiers.weightsAt(lastDayOf(epoch)).filter(({ provider }) => !rewards.excluded.has(provider));
  const holding =
    frozen === undefined ? holdingOf(store, rewarding, epoch, calculated) : heldThen(store, rewards, frozen);
  const given = rewardsOf(rewards, epoch, weights, beforeOf(rewards, before), holding);
  const stand = store.rewards.checkpointAt(isoOf(dayStartSec(epoch.end))) ?? store.config.get("anchor");
  invariant(stand !== undefined, "NO_ANCHOR", "a ledger with closed days has no first block");
  return {
    record: {
      epoch: epoch.number,
      first: epoch.first,
      end: epoch.end,
      blockNumber: stand.number,
      blockHash: stand.hash,
      pools: paidPools(store, epoch, stand.number),
      programmeHash: store.config.get("programme_hash") ?? "",
      rules: canonicalRules(rules),
      tokens: given.map(sumsOf),
      totalWeight: `${weights.reduce((sum, { weight }) => sum + weight, 0n)}`,
      held: heldRecordOf(holding),
    },
    rewards: given.map(({ rows }) => rows),
  };
}

/**
 * The digests of pools at an epoch's last block: of those that it is paid by, not of those in quarantine, which have
 * another history one day.
 */
function paidPools(store: Store, epoch: Epoch, blockNumber: number): Readonly<Record<string, string>> {
  const out = store.quarantines.outOn(lastDayOf(epoch));
  const digests = Object.entries(store.rewards.digestsAt(blockNumber));
  return Object.fromEntries(digests.filter(([pool]) => !out.has(toPoolId(pool))));
}

/** What the epoch before left, token by token in the order of the rules: by address, since tokens may be added. */
function beforeOf({ tokens }: RewardRules, before: EpochResult | undefined): readonly Before[] {
  return tokens.map(({ address }) => {
    const i = before?.record.tokens.findIndex((each) => each.address === address) ?? -1;
    const sums = before?.record.tokens[i];
    if (before === undefined || sums === undefined) return NOTHING_BEFORE;
    return leftBy({ left: BigInt(sums.left), leftGoes: sums.leftGoes, rows: before.rewards[i] ?? [] });
  });
}

/** Stores what is not final of some results, as calculated; the caller holds the transaction. */
export function keepCalculated(store: Store, results: readonly EpochResult[], sha256: Sha256): void {
  for (const result of results)
    if (store.rewards.epoch(result.record.epoch)?.state !== "final")
      store.rewards.put(result, "calculated", sha256(resultText(result)), store.nowIso());
}

/**
 * Makes an epoch final: it is calculated once more in the same transaction and never changes again. One that is final
 * already is only compared. @throws EPOCH_ORDER while the epoch before is not final
 */
export function finalise(
  store: Store,
  rewarding: Rewarding,
  sha256: Sha256,
  number: number,
): { readonly epoch: StoredEpoch; readonly isNew: boolean } {
  const known = store.rewards.epoch(number);
  if (known?.state === "final") {
    requireSame(store, rewarding, sha256, known);
    return { epoch: known, isNew: false };
  }
  epochOf(rewarding, number);
  if (number > 1 && store.rewards.epoch(number - 1)?.state !== "final")
    throw new LpLedgerError(
      "usage",
      "EPOCH_ORDER",
      `epoch ${number} rests on epoch ${number - 1}, which is not final`,
      {
        hint: `run lp-ledger rewards finalize --epoch ${number - 1} first`,
        exitCode: 64,
      },
    );
  const result = calculateUpTo(store, rewarding, number).at(-1);
  invariant(result !== undefined, "NO_RESULT", `epoch ${number} has no result`);
  store.rewards.put(result, "final", sha256(resultText(result)), store.nowIso());
  const { first, end } = result.record;
  for (const pool of store.heldBack.keepOut(first, end)) store.keptDays.keep(pool, first, end);
  const epoch = store.rewards.epoch(number);
  invariant(epoch !== undefined, "NO_RESULT", `epoch ${number} was not stored`);
  return { epoch, isNew: true };
}

/**
 * By the rules as they were when the epoch was calculated: who is excluded since, or another minimum, does not reach
 * back.
 */
export function pastOf(rewarding: Rewarding, { record }: StoredEpoch): Rewarding {
  const rules = rulesFrom(record.rules);
  return { ...rewarding, rules, rewards: rules.rewards ?? rewarding.rewards };
}

/**
 * Calculates a final epoch again from the ledger as it is now.
 * @throws REWARDS_DIFFER where one byte of it is not what was made final
 */
export function requireSame(store: Store, rewarding: Rewarding, sha256: Sha256, frozen: StoredEpoch): void {
  intact(store, sha256, frozen);
  const { record } = frozen;
  const epoch = epochOf(rewarding, record.epoch);
  const stored = store.rewards.epoch(record.epoch - 1);
  const now = calculate(store, pastOf(rewarding, frozen), epoch, stored && store.rewards.resultOf(stored), {
    frozen: record,
  });
  const then = store.rewards.resultOf(frozen);
  // Of a pool that is followed no more, or whose history is another one since, what it was worth then was kept.
  const kept = store.keptDays.pools();
  const pools = Object.fromEntries(
    Object.entries(record.pools).map(([pool, digest]) => [
      pool,
      kept.has(pool) ? digest : (now.record.pools[pool] ?? "none"),
    ]),
  );
  // A pool that was added since may have the last event before its end; the block it was made final with must still be
  // ours.
  const blockHash = store.blocks.at(record.blockNumber)?.hash ?? "none";
  const { programmeHash, blockNumber, rules } = record;
  const again = { ...now, record: { ...now.record, pools, programmeHash, rules, blockNumber, blockHash } };
  if (resultText(then) === resultText(again)) return;
  const differences = differencesOf(then, again);
  const shown = differences.slice(0, DIFFERENCES_SHOWN).join("; ");
  const more = differences.length > DIFFERENCES_SHOWN ? `; and ${differences.length - DIFFERENCES_SHOWN} more` : "";
  throw new LpLedgerError(
    "invariant",
    "REWARDS_DIFFER",
    `epoch ${record.epoch} is final, and calculating it again gives another result: ${shown}${more}`,
    {
      facts: { epoch: record.epoch, differences },
      hint:
        "what was made final stays as it is. Compare the programme file's rules with those stored in reward_epochs, and look at " +
        "lp-ledger audit list and at price_revisions: something beneath it was changed",
    },
  );
}

const DIFFERENCES_SHOWN = 5;

/** A final epoch whose rows are still those that were made final. @throws REWARDS_DAMAGED */
export function intact(store: Store, sha256: Sha256, frozen: StoredEpoch): EpochResult {
  const result = store.rewards.resultOf(frozen);
  invariant(
    sha256(resultText(result)) === frozen.resultHash,
    "REWARDS_DAMAGED",
    `the rows of epoch ${frozen.record.epoch} are not those that were stored: nothing is to be paid by them; restore a backup`,
    { epoch: frozen.record.epoch },
  );
  return result;
}
