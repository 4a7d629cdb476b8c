import { type Day, dayStartSec, daysAfter, isoOf } from "../core/day.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { LpLedgerError } from "../core/errors.ts";
import { type Address, toAddress } from "../core/hex.ts";
import { DENIED, wayOutOf } from "../core/identities.ts";
import type { Epoch, RewardRules } from "../core/programme/rules.ts";
import type { QuarantinedDay } from "../store/held-back.ts";
import type { Store } from "../store/store.ts";
import { FROZEN_EPOCH } from "./check-final-epochs.ts";
import { isExcluded } from "./held-back.ts";

/**
 * Why an epoch cannot be calculated yet, or undefined: all its days must be closed, final, settled and priced, so that
 * nothing it rests on can change any more.
 */
export function waitingFor(store: Store, rewards: RewardRules, epoch: Epoch): LpLedgerError | undefined {
  const wait: Wait = (code, message, hint) =>
    new LpLedgerError("transient", code, `epoch ${epoch.number} (${epoch.first} to ${lastDayOf(epoch)}) ${message}`, {
      hint,
    });
  return waitingForBlocks(store, epoch, wait) ?? waitingForRows(store, rewards, epoch, wait);
}

type Wait = (code: ErrorCode, message: string, hint: string) => LpLedgerError;

/** What must be read before. */
function waitingForBlocks(store: Store, epoch: Epoch, wait: Wait): LpLedgerError | undefined {
  const closed = store.days.last()?.date;
  const last = lastDayOf(epoch);
  if (closed === undefined || closed < last)
    return wait(
      "EPOCH_OPEN",
      `is not over: the newest closed day is ${closed ?? "none"}`,
      "let the daemon follow the chain past its end",
    );
  // Which block closed a day depends on how blocks were read; the time of what is final does not.
  const timeAt = (block: number): string => isoOf(store.blocks.atOrBelow(block)?.timestampSec ?? 0);
  const [final, settled] = [store.config.get("final_block") ?? -1, store.config.get("settled_block") ?? -1];
  if (timeAt(final) < isoOf(dayStartSec(epoch.end)))
    return wait(
      "EPOCH_NOT_FINAL",
      `is not final: block ${final} is, of ${timeAt(final)}`,
      "wait until the chain has finalised a block past its end",
    );
  if (timeAt(settled) < isoOf(dayStartSec(epoch.end)))
    return wait(
      "EPOCH_NOT_SETTLED",
      `is not settled: blocks up to ${settled}, of ${timeAt(settled)}, were read twice`,
      "let the daemon run with SETTLING=1 until lp-ledger status says that much is settled",
    );
  const before = store.config.get("settled_from") ?? -1;
  if (timeAt(before) > isoOf(dayStartSec(epoch.first)))
    return wait(
      "EPOCH_NOT_SETTLED",
      `is not settled: blocks up to ${before}, of ${timeAt(before)}, were followed before this ledger began to read twice`,
      "follow the chain once more into a new DATABASE",
    );
  return undefined;
}

/** What must be known of what was read. */
function waitingForRows(store: Store, rewards: RewardRules, epoch: Epoch, wait: Wait): LpLedgerError | undefined {
  const [refetched] = store.refetches.waiting();
  if (refetched !== undefined)
    return wait(
      "POOL_REFETCHED",
      `waits for the history of pool ${refetched}, which is fetched again`,
      "lp-ledger start fetches it",
    );
  const quarantined = store.heldBack.quarantinedDays(epoch.first, epoch.end).find((each) => !isExcluded(rewards, each));
  if (quarantined !== undefined && store.rewards.epoch(epoch.number)?.state !== "final")
    return wait(
      "EPOCH_QUARANTINED",
      `waits for pool ${quarantined.pool}, ${quarantined.note}`,
      `${waysOut(store, quarantined).join("; ")}; or rewards.exclude with this pool holds back its part and lets the others be paid; or rewards calculate --leave-out ${quarantined.pool} gives its part to the others`,
    );
  const unknown = store.tiers
    .unknown(epoch.first, epoch.end)
    .filter(({ provider }) => !rewards.excluded.has(toAddress(provider)));
  if (unknown.length > 0) {
    const pools = new Set(store.leftOut.unvalued(epoch.first, epoch.end).map(({ pool }) => pool));
    return wait("EPOCH_UNPRICED", ...unpricedText(unknown, [...pools]));
  }
  const revised = store.revisions.pending().filter(({ date }) => date < epoch.end);
  if (revised.length > 0)
    return wait(
      "EPOCH_UNPRICED",
      `waits for revised prices to be taken up: ${revised.map(({ date }) => date).join(", ")}`,
      "the daemon applies them at once, or when it is started",
    );
  const finding = store
    .openFindings()
    .filter(({ identity }) => identity !== FROZEN_EPOCH)
    .find(({ identity, pool }) => identity !== DENIED || store.days.isHeldBetween(pool, epoch.first, epoch.end));
  if (finding !== undefined)
    return wait(
      "FINDINGS_OPEN",
      `rests on a ledger with an open finding: ${finding.identity} at block ${finding.blockNumber} of pool ${finding.pool}`,
      `lp-ledger audit show --block ${finding.blockNumber} --identity ${finding.identity} says the ways out`,
    );
  return undefined;
}

function waysOut(store: Store, { pool, wrapper }: QuarantinedDay): readonly string[] {
  const by = store.quarantines.all().find((each) => each.pool === pool && each.wrapper === wrapper);
  return wayOutOf(by?.finding.identity ?? "", pool, wrapper ?? undefined);
}

/** What is not valued, and what may help. */
function unpricedText(
  rows: ReturnType<Store["tiers"]["unknown"]>,
  pools: readonly Address[],
): readonly [string, string] {
  const unpriced = rows.filter((row) => row.unpriced);
  const [first] = unpriced.length > 0 ? unpriced : rows;
  const days = [...new Set(rows.map(({ date }) => date))].join(", ");
  if (unpriced.length === 0)
    return [
      `has streaks that an earlier day without a value decides, on ${days}, as that of ${first?.provider}`,
      "lp-ledger prices missing names the tokens of that day",
    ];
  return [
    `has ${unpriced.length} days without a value, on ${days}, as that of ${first?.provider} on ${first?.date}, in pool ${pools.join(", ")}`,
    "lp-ledger prices missing names tokens without a price; where it names none, a pool's shares had no known value that day. What is worth " +
      "next to nothing is left out when the epoch is calculated; a pool of which no bound is known only by rewards calculate --leave-out POOL",
  ];
}

export function lastDayOf({ end }: Epoch): Day {
  return daysAfter(end, -1);
}
