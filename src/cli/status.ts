import { contractText } from "../core/address-facts.ts";
import { formatDecimal } from "../core/decimal.ts";
import { LpLedgerError } from "../core/errors.ts";
import { DENIED } from "../core/identities.ts";
import { nameOf } from "../core/programme/quarantine.ts";
import { type CommonOptions, type Io, settingsOf, withReader } from "../runtime/context.ts";
import { systemClock } from "../runtime/platform.ts";
import type { LargeHolder } from "../store/address-facts.ts";
import { type Facts, factsOf } from "../store/queries/status-query.ts";
import { orderText } from "./audit.ts";

export interface StatusOptions extends CommonOptions {
  /** Seconds: fail when nothing was committed for longer, or while the ledger is halted. */
  readonly maxAge?: number;
}

/** Shows how the ledger stands, from the database alone. */
export async function status(io: Io, options: StatusOptions): Promise<void> {
  const settings = settingsOf(io, options);
  await withReader(settings, async (store) => {
    const facts = store.db.transaction(() => factsOf(store))();
    io.out(options.json ? `${JSON.stringify(facts)}\n` : textOf(facts));
    if (options.maxAge !== undefined) requireFresh(options.maxAge, facts);
  });
}

function textOf({ tip, lastReorg: reorg, findings, ...facts }: Facts): string {
  const last = reorg === null ? "" : ` (last: ${reorg.depth} blocks above ${reorg.commonBlock}, ${reorg.observedAt})`;
  const lines = [
    ...facts.quarantines.map(quarantineLine),
    `chain           ${facts.chainId ?? "not seen yet"}`,
    `tip             ${tip === null ? "none yet" : `block ${tip.number} of ${tip.time} (${tip.hash})`}`,
    `committed       ${tip?.processedAt ?? "nothing yet"}`,
    `final           ${facts.final ?? "none yet"}${facts.finalitySource === null ? "" : ` (by ${facts.finalitySource === "tag" ? "the node's word" : "depth"})`}`,
    `settled         ${settledText(facts)}`,
    `state digest    ${facts.stateDigest ?? "none yet"}`,
    `events          ${facts.events} (${facts.postings} postings)`,
    `positions       ${facts.openPositions} open, of ${facts.providers} providers seen`,
    `days            ${facts.daysClosed} closed, ${facts.unpricedRows} rows without a price`,
    ...(facts.unpricedDays.length === 0
      ? []
      : [
          `unpriced        ${facts.unpricedDays.length} days, the last ${facts.unpricedDays.at(-1)}: see lp-ledger prices missing`,
        ]),
    ...(facts.epochs.length === 0
      ? []
      : [
          `reward epochs   ${facts.epochs.filter(({ state }) => state === "final").length} final, ${facts.epochs.filter(({ state }) => state === "calculated").length} calculated`,
        ]),
    `reorgs          ${facts.reorgs}${last}`,
    ...facts.endpoints.map(endpointLine),
    ...facts.largeHolders.map(holderLine),
    `state           ${stateText({ findings, ...facts })}`,
    ...facts.ordered.map((each) => `ordered         ${orderText(each)}`),
    ...findings.map(
      (each) =>
        `finding         ${each.identity} at block ${each.blockNumber} log ${each.logIndex} of ${each.pool}: expected ${each.expected}, actual ${each.actual}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** One line of how it does: `ok` where nothing is wrong that anybody knows of. */
function stateText({
  halted,
  silent,
  findings,
  quarantines,
  endpoints,
}: Pick<Facts, "halted" | "silent" | "findings" | "quarantines" | "endpoints">): string {
  if (halted !== null) return `HALTED: ${halted.message}`;
  const wrong = [
    ...(silent === null ? [] : [`nothing can be read of any node since ${silent.since}: ${silent.why}`]),
    ...(silent === null && endpoints.length > 0 && !endpoints.some(({ healthy }) => healthy)
      ? ["no endpoint does well"]
      : []),
    ...(quarantines.length === 0 ? [] : [`${counted(quarantines.length, "quarantine")}, all else goes on`]),
    ...(findings.length === 0 ? [] : [`${counted(findings.length, "finding")} open`]),
  ];
  return wrong.length === 0 ? "ok" : `ATTENTION: ${wrong.join("; ")}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function settledText({
  settled,
  settledFrom,
  final,
  repairs,
}: Pick<Facts, "settled" | "settledFrom" | "final" | "repairs">): string {
  if (settled === null || settled <= (settledFrom ?? -1)) return "nothing yet";
  const left = final === null ? "" : `, ${Math.max(0, final - settled)} final blocks left`;
  const repaired =
    repairs.count === 0 ? "" : `; ${repairs.count} BLOCKS REPAIRED, the last ${repairs.lastBlock} at ${repairs.lastAt}`;
  return `blocks ${(settledFrom ?? -1) + 1} to ${settled}${left}${repaired}`;
}

/** A contract that holds much is probably a wrapper that the programme does not name: its users are not credited. */
export function holderLine(holder: LargeHolder): string {
  const share = formatDecimal(BigInt(holder.shareBp), 2);
  return `contract        ${holder.address}, ${contractText(holder)}, has ${share} % of pool ${holder.pool}: if it holds for others, name it under wrappers or rewards.exclude`;
}

function endpointLine(endpoint: Facts["endpoints"][number]): string {
  const { id, used, healthy, head, perSecond, blocksMax, headers, lastError } = endpoint;
  const { batchMax = null, alone = [], addressesMax = null, topicsMax = null, needsAddress = false } = endpoint;
  const { stateLackedTo = null } = endpoint;
  const limits = [
    ...(perSecond === null ? [] : [`${perSecond} requests/s`]),
    ...(blocksMax === null ? [] : [`${blocksMax} blocks a range`]),
    ...(batchMax === null ? [] : [batchMax === 1 ? "no batches" : `${batchMax} calls a request`]),
    ...(alone.length === 0 ? [] : [`${alone.join(", ")} only outside of batches`]),
    ...(addressesMax === null ? [] : [`${addressesMax} addresses a filter`]),
    ...(topicsMax === null ? [] : [`${topicsMax} topics a filter`]),
    ...(needsAddress ? ["no filter without addresses"] : []),
    ...(stateLackedTo === null ? [] : [`no state of block ${stateLackedTo} and before`]),
  ];
  const state = healthy ? "healthy" : `failing (${lastError ?? "it lags"})`;
  const times =
    headers === "authentic"
      ? ", headers hash to their blocks"
      : headers === "unauthenticated"
        ? ", HEADERS ARE NOT PROVEN (times are compared between readings)"
        : "";
  return `endpoint        ${id}${used ? " (in use)" : ""}: ${state}, head ${head ?? "not seen"}${limits.length === 0 ? "" : `, limits: ${limits.join(", ")}`}${times}`;
}

/** For supervisors: an error where the ledger is halted, broken, or has stood still for too long. */
function requireFresh(maxAge: number, { tip, halted, findings }: Facts): void {
  if (halted !== null || findings.some(({ identity }) => identity !== DENIED)) {
    throw new LpLedgerError(
      "invariant",
      "HALTED",
      `the ledger is halted: ${halted?.message ?? "an identity does not hold"}`,
    );
  }
  const ageSec = tip === null ? null : Math.round((systemClock.wallMs() - Date.parse(tip.processedAt)) / 1000);
  if (ageSec !== null && ageSec <= maxAge) return;
  const what = ageSec === null ? "nothing was ever committed" : `the last commit was ${ageSec} s ago`;
  throw new LpLedgerError("transient", "STALE", `${what}; at most ${maxAge} s are allowed`, {
    hint: "look at the daemon's log: is it running, and does its node answer?",
  });
}

function quarantineLine({ touches, ...quarantine }: Facts["quarantines"][number]): string {
  const { pool, firstDay, finding } = quarantine;
  const { wrappers, prices } = touches;
  const also = [
    ...(wrappers.length === 0 ? [] : [`with what lies in ${wrappers.join(", ")}`]),
    ...(prices.length === 0 ? [] : [`the prices of ${prices.join(", ")} rest on it`]),
  ];
  const { identity, expected, actual } = finding;
  return `QUARANTINE      ${nameOf(quarantine)} since ${firstDay}${also.map((each) => `, ${each}`).join("")}: ${identity} did not hold at block ${finding.blockNumber} log ${finding.logIndex}: expected ${expected}, actual ${actual}; lp-ledger pool refetch ${pool}`;
}
