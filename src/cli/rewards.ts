import { contractText } from "../core/address-facts.ts";
import { formatDecimal } from "../core/decimal.ts";
import { EXIT_USAGE, LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { nameOf } from "../core/programme/quarantine.ts";
import type { TokenSums } from "../core/rewards/epoch-record.ts";
import type { Reward } from "../core/rewards/rewards.ts";
import { compareProgramme } from "../ledger/compare-programme.ts";
import { waitingFor } from "../ledger/epoch-waits.ts";
import { calculateUpTo, finalise, keepCalculated, requireSame } from "../ledger/epochs.ts";
import { leaveOutUpTo } from "../ledger/leave-out.ts";
import { epochOf, type Rewarding, rewardingOf } from "../ledger/rewarding.ts";
import { type CommonOptions, contextOf, type Io, withOperator, withReader } from "../runtime/context.ts";
import { sha256 } from "../runtime/platform.ts";
import type { LeftOut } from "../store/left-out.ts";
import type { StoredEpoch } from "../store/rewards.ts";
import type { Store } from "../store/store.ts";
import { jsonAnswer, writeLines } from "./table.ts";

export interface EpochOptions extends CommonOptions {
  readonly epoch?: number;
}

export interface CalculateOptions extends EpochOptions {
  /** Pools that count nothing on days on which they cannot be valued. */
  readonly leaveOut?: readonly Address[];
}

/**
 * Calculates an epoch, or every one that can be, and keeps the result; one that is final is calculated again and
 * compared.
 */
export async function rewardsCalculate(io: Io, options: CalculateOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const rewarding = rewardingOf(programme);
  const stored = await withOperator(settings, async (store) => {
    const asked = (each: StoredEpoch): boolean => options.epoch === undefined || each.record.epoch === options.epoch;
    store.write(() => {
      requireFollowed(store, programme);
      const leftOut = new Set(options.leaveOut);
      leaveOutUpTo(store, programme, rewarding, options.epoch ?? rewarding.rewards.epochs.length, leftOut);
      const upTo = options.epoch ?? lastReady(store, rewarding);
      epochOf(rewarding, upTo);
      if (store.rewards.epoch(upTo)?.state !== "final")
        keepCalculated(store, calculateUpTo(store, rewarding, upTo), sha256);
    });
    // Compared outside the write, one by one: nobody has to wait for it.
    for (const { record } of store.rewards.epochs().filter((each) => each.state === "final" && asked(each)))
      store.db.transaction(() => {
        const frozen = store.rewards.epoch(record.epoch);
        if (frozen !== undefined) requireSame(store, rewarding, sha256, frozen);
      })();
    return store.rewards
      .epochs()
      .filter(asked)
      .map((each) => withLeftOut(store, each));
  });
  if (options.json) io.out(jsonAnswer(stored.map(answerOf)));
  else writeLines(io.out, stored, textOf);
}

/** An epoch, with what has no value in it and counts nothing. */
type ShownEpoch = StoredEpoch & { readonly leftOut: readonly LeftOut[] };

function withLeftOut(store: Store, stored: StoredEpoch): ShownEpoch {
  const { first, end } = stored.record;
  return { ...stored, leftOut: store.leftOut.between(first, end) };
}

/** The newest epoch that can be calculated. @throws why the first one cannot, where none can */
function lastReady(store: Store, rewarding: Rewarding): number {
  const waiting = rewarding.rewards.epochs.map((epoch) => waitingFor(store, rewarding.rewards, epoch));
  const first = waiting.findIndex((each) => each !== undefined);
  if (first === 0 && waiting[0] !== undefined) throw waiting[0];
  return first < 0 ? waiting.length : first;
}

/** Shows every epoch, or one with all its rows. */
export async function rewardsShow(io: Io, options: EpochOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const rewarding = rewardingOf(programme);
  await withReader(settings, async (store) => {
    if (options.epoch !== undefined) {
      showOne(io, store, storedEpoch(store, rewarding, options.epoch), options);
      return;
    }
    const stored = store.rewards.epochs().map((each) => withLeftOut(store, each));
    if (options.json) {
      io.out(jsonAnswer(stored.map(answerOf)));
      return;
    }
    writeLines(io.out, stored, textOf);
    const next = rewarding.rewards.epochs.find(({ number }) => stored.every(({ record }) => record.epoch !== number));
    if (next === undefined) return;
    const why = waitingFor(store, rewarding.rewards, next);
    io.out(why === undefined ? `epoch ${next.number} can be calculated\n` : `${why.message}\n`);
  });
}

export interface FinalizeOptions extends EpochOptions {
  /** Nobody is asked. */
  readonly yes?: boolean;
}

/** Makes an epoch final: from then on it never changes, whatever happens to the ledger beneath it. */
export async function rewardsFinalize(io: Io, options: FinalizeOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const rewarding = rewardingOf(programme);
  const make = (store: Store): Made => {
    requireFollowed(store, programme);
    const number = options.epoch ?? firstOpen(store, rewarding);
    leaveOutUpTo(store, programme, rewarding, number, new Set());
    const made = finalise(store, rewarding, sha256, number);
    return { ...made, epoch: withLeftOut(store, made.epoch) };
  };
  const { epoch, isNew } = await withOperator(settings, async (store) => {
    const shown = options.yes === true ? undefined : preview(store, () => make(store));
    if (shown?.isNew === true) await requireYes(io, shown.epoch, options);
    return store.write(() => {
      const made = make(store);
      // What was looked at is what becomes final.
      if (shown !== undefined && shown.epoch.resultHash !== made.epoch.resultHash)
        throw new LpLedgerError("transient", "NOT_CONFIRMED", "the epoch changed while it was looked at", {
          hint: "look at it again",
        });
      return made;
    });
  });
  if (options.json) io.out(jsonAnswer({ ...answerOf(epoch), isNew }));
  else io.out(`${isNew ? "" : "was final already, and calculating it again gives the same\n"}${textOf(epoch)}`);
}

interface Made {
  readonly epoch: ShownEpoch;
  readonly isNew: boolean;
}

/** What a change would make, without making it. */
function preview(store: Store, make: () => Made): Made {
  let made: Made | undefined;
  const undo = new Error("only looked at");
  try {
    store.write(() => {
      made = make();
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  return made as Made;
}

/** @throws NOT_CONFIRMED where nobody says yes */
async function requireYes(io: Io, epoch: ShownEpoch, { json }: CommonOptions): Promise<void> {
  if (json !== true) io.talk(textOf(epoch).replace("  final", "  to be made final"));
  const answer =
    json === true ? undefined : await io.ask(`make epoch ${epoch.record.epoch} final? It never changes again. [y/N] `);
  if (/^y(es)?$/i.test(answer?.trim() ?? "")) return;
  throw new LpLedgerError("usage", "NOT_CONFIRMED", `epoch ${epoch.record.epoch} was not made final`, {
    exitCode: EXIT_USAGE,
    hint: "look at it with lp-ledger rewards show, then give --yes",
  });
}

function firstOpen(store: Store, { rewards }: Rewarding): number {
  const final = store.rewards.epochs().filter(({ state }) => state === "final").length;
  if (final < rewards.epochs.length) return final + 1;
  throw new LpLedgerError("usage", "ALL_FINAL", `all ${final} epochs are final`, {
    hint: "name one with --epoch to compare it with the ledger",
    exitCode: 64,
  });
}

/** What is calculated must follow the rules that the ledger follows. @throws PROGRAMME_AHEAD */
export function requireFollowed(store: Store, programme: Programme): void {
  const { kind } = compareProgramme(store, programme);
  if (kind === "same") return;
  throw new LpLedgerError("usage", "PROGRAMME_AHEAD", "the programme file is not the one that the ledger follows", {
    hint: "start the daemon with it first: it takes up what has changed",
  });
}

/** @throws EPOCH_NOT_CALCULATED */
export function storedEpoch(store: Store, rewarding: Rewarding, number: number): StoredEpoch {
  const { number: epoch } = epochOf(rewarding, number);
  const stored = store.rewards.epoch(epoch);
  if (stored !== undefined) return stored;
  throw new LpLedgerError("usage", "EPOCH_NOT_CALCULATED", `epoch ${epoch} is not calculated yet`, {
    hint: `run lp-ledger rewards calculate --epoch ${epoch}`,
  });
}

function answerOf({ record, state, resultHash, leftOut }: ShownEpoch): object {
  const { rules: _, ...rest } = record;
  return { ...rest, state, resultHash, leftOut };
}

function textOf({ record, state, resultHash, leftOut }: ShownEpoch): string {
  return `${[
    `epoch ${record.epoch}  ${record.first} to before ${record.end}  ${state}`,
    ...record.tokens.map((sums) => `  ${sumsText(sums, state)}`),
    ...heldLines(record),
    ...leftOut.map(
      ({ date, pool, provider, note }) =>
        `  ${date}: what ${provider} has in pool ${pool} has no value and counts nothing: ${note}`,
    ),
    `  at block ${record.blockNumber} (${record.blockHash}), result ${resultHash}`,
  ].join("\n")}\n`;
}

/** What an epoch holds back for what is in quarantine, and what it gives out of what earlier ones did. */
function heldLines({ held, tokens }: StoredEpoch["record"]): readonly string[] {
  const sums = (amounts: readonly string[]): string =>
    amounts
      .map((each, i) => `${formatDecimal(BigInt(each), tokens[i]?.decimals ?? 0)} ${tokens[i]?.symbol}`)
      .join(", ");
  return [
    ...(held?.heldBack ?? []).map(
      ({ date, valuedOn, poolWeight, allWeight, amounts, ...each }) =>
        `  ${date}: held back for ${nameOf(each)}: ${sums(amounts)}, ${valuedOn === null ? "which had no value before" : `as on ${valuedOn} it weighed ${poolWeight} of ${allWeight}`}`,
    ),
    ...(held?.releases ?? []).map(
      ({ epoch, amounts, ...each }) =>
        `  what epoch ${epoch} held back for ${nameOf(each)}, given to who was in it: ${sums(amounts)}`,
    ),
  ];
}

/** Nothing is paid by an epoch that is only calculated. */
export function paysText(state: StoredEpoch["state"]): string {
  return state === "final" ? "pays" : "would pay";
}

function sumsText(sums: TokenSums, state: StoredEpoch["state"]): string {
  const whole = (amount: string): string => `${formatDecimal(BigInt(amount), sums.decimals)} ${sums.symbol}`;
  const more: readonly (readonly [string, string])[] = [
    ["rolled in", sums.rolledIn],
    ["held back", sums.heldBack ?? "0"],
    ["of what was held back", sums.releasedIn ?? "0"],
    ["carried in", sums.carriedIn],
    ["carried on", sums.carriedOut],
    [sums.leftGoes === "refund" ? "refunded" : "rolled on", sums.left],
  ];
  return [
    `budget ${whole(sums.budget)}`,
    `allocated ${whole(sums.allocated)}`,
    `${paysText(state)} ${whole(sums.paid)}`,
    ...more.filter(([, amount]) => amount !== "0").map(([what, amount]) => `${what} ${whole(amount)}`),
  ].join(", ");
}

function showOne(io: Io, store: Store, found: StoredEpoch, options: CommonOptions): void {
  const stored = withLeftOut(store, found);
  const { record } = stored;
  const { rewards } = store.rewards.resultOf(stored);
  const facts = store.addressFacts.all();
  const contractOf = (provider: string): string => contractText(facts.get(provider));
  if (options.json) {
    const named = (rows: readonly Reward[]) =>
      rows.map((row) => ({ ...row, contract: contractOf(row.provider) || null }));
    const tokens = record.tokens.map(({ address }, i) => ({ token: address, rows: named(rewards[i] ?? []) }));
    io.out(jsonAnswer({ ...answerOf(stored), rewards: tokens }));
    return;
  }
  io.out(textOf(stored));
  for (const [i, sums] of record.tokens.entries())
    writeLines(io.out, rewards[i] ?? [], (row) => rowText(row, sums, stored, contractOf(row.provider)));
}

function rowText(
  row: ReturnType<Store["rewards"]["rowsOf"]>[number],
  { symbol, decimals }: TokenSums,
  { record: { totalWeight }, state }: StoredEpoch,
  contract: string,
): string {
  const share = totalWeight === "0" ? 0n : (row.weight * 1_000_000n) / BigInt(totalWeight);
  const paid =
    row.paid === row.amount
      ? ""
      : `  carried in ${formatDecimal(row.carriedIn, decimals)}, ${paysText(state)} ${formatDecimal(row.paid, decimals)}`;
  return `${row.provider}  tier ${row.tier}  ${formatDecimal(share, 4).padStart(8)} %  ${formatDecimal(row.amount, decimals)} ${symbol}${paid}${contract === "" ? "" : `  ${contract}`}\n`;
}
