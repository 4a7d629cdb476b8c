import { LpLedgerError } from "../core/errors.ts";
import { IDENTITIES, wayOutOf } from "../core/identities.ts";
import { nameOf, type Quarantine } from "../core/programme/quarantine.ts";
import { type CommonOptions, type Io, settingsOf, withOperator, withReader } from "../runtime/context.ts";
import type { Order, OrderKind } from "../store/refetches.ts";
import type { Store } from "../store/store.ts";
import { jsonAnswer } from "./table.ts";

/** Lists what is in quarantine, every finding with its resolution, and what was done with single pools. */
export async function auditList(io: Io, options: CommonOptions): Promise<void> {
  const { findings, refetches, quarantines } = await withReader(settingsOf(io, options), async (store) => ({
    findings: store.findings.all(),
    refetches: store.refetches.all(),
    quarantines: store.quarantines.all(),
  }));
  if (options.json) {
    io.out(jsonAnswer(findings));
    return;
  }
  for (const { finding, ...each } of quarantines)
    io.out(
      `${nameOf(each)} is in quarantine: lp-ledger audit show --block ${finding.blockNumber} --identity ${finding.identity}\n`,
    );
  for (const each of refetches) io.out(`${trailText(each)}: ${each.reason}\n`);
  for (const { identity, blockNumber, pool, expected, actual, resolution } of findings)
    io.out(
      `${identity} at block ${blockNumber} of ${pool}: expected ${expected}, actual ${actual}: ${resolution ?? "OPEN"}\n`,
    );
  if (findings.length === 0) io.talk("no findings\n");
}

const WAITS: Readonly<Record<OrderKind, string>> = {
  refetch: "is fetched again",
  replay: "goes on by its kept logs",
  drop: "is dropped",
};
const DONE: Readonly<Record<OrderKind, string>> = {
  refetch: "was fetched again",
  replay: "went on by its kept logs",
  drop: "was dropped",
};

const withoutText = (wrapper: string | null): string => (wrapper === null ? "" : ` without the wrapper ${wrapper}`);

/** What the next start does. */
export function orderText({ kind, pool, wrapper }: Pick<Order, "kind" | "pool" | "wrapper">): string {
  return `pool ${pool} ${WAITS[kind]}${withoutText(wrapper)} by the next lp-ledger start`;
}

function trailText({ doneBlock, digestBefore, digestAfter, ...order }: Order): string {
  if (doneBlock === null) return orderText(order);
  const { kind, pool, wrapper } = order;
  const without = withoutText(wrapper);
  if (kind === "drop") return `pool ${pool} ${DONE[kind]} at block ${doneBlock}`;
  const what = digestBefore === digestAfter ? "and is the same" : "and is another one";
  return `pool ${pool} ${DONE[kind]}${without} up to block ${doneBlock}, ${what}`;
}

export interface FindingOptions extends CommonOptions {
  readonly block: number;
  readonly identity: string;
}

/** Shows what did not hold, what it stops, who can break it, and what ends it. */
export async function auditShow(io: Io, options: FindingOptions): Promise<void> {
  const { block, identity } = options;
  const shown = await withReader(settingsOf(io, options), async (store) => {
    const quarantines = store.quarantines.told();
    const findings = store.findings.all().filter((each) => each.blockNumber === block && each.identity === identity);
    return findings.map((finding) => {
      const stopped = quarantines.find(
        (each) =>
          each.pool === finding.pool && each.finding.identity === identity && each.finding.blockNumber === block,
      );
      const facts = IDENTITIES.get(identity);
      return { finding, quarantine: stopped ?? null, says: facts?.says ?? null, breaker: facts?.breaker ?? null };
    });
  });
  if (shown.length === 0) throw noFinding(identity, block, "");
  const waysOf = ({ finding, quarantine }: (typeof shown)[number]): readonly string[] =>
    finding.resolution === null ? wayOutOf(identity, finding.pool, quarantine?.wrapper ?? undefined) : [];
  if (options.json) {
    io.out(jsonAnswer(shown.map((each) => ({ ...each, waysOut: waysOf(each) }))));
    return;
  }
  for (const each of shown) {
    const { finding, quarantine, says, breaker } = each;
    const { pool, blockNumber, logIndex, expected, actual, resolution } = finding;
    const lines = [
      `${identity}: ${says}`,
      `did not hold    at block ${blockNumber} log ${logIndex} of pool ${pool}: expected ${expected}, actual ${actual}`,
      `who breaks it   ${breaker}`,
      ...(quarantine === null ? [] : stoppedLines(quarantine)),
      ...(resolution === null ? [] : [`resolved        ${resolution}`]),
      ...waysOf(each).map((way) => `way out         ${way}`),
    ];
    io.out(`${lines.join("\n")}\n`);
  }
}

function stoppedLines({
  firstDay,
  touches,
  ...each
}: ReturnType<Store["quarantines"]["told"]>[number]): readonly string[] {
  const { wrappers, prices } = touches;
  return [
    `in quarantine   ${nameOf(each)}, since ${firstDay}`,
    ...(wrappers.length === 0 ? [] : [`with it         what lies in ${wrappers.join(", ")}`]),
    ...(prices.length === 0 ? [] : [`prices          of ${prices.join(", ")} rest on it`]),
  ];
}

/**
 * Closes a finding with a reason that stays beside it. One that put a pool in quarantine is closed when the pool goes
 * on: by the next start, by what was kept of it, as its entry is then.
 */
export async function auditResolve(io: Io, reason: string, options: FindingOptions): Promise<void> {
  const { block, identity } = options;
  const { replays, closed } = await withOperator(settingsOf(io, options), async (store) =>
    store.write(() => {
      const stopped = store.quarantines
        .all()
        .filter(({ finding }) => finding.blockNumber === block && finding.identity === identity);
      for (const each of stopped) orderReplay(store, each, reason);
      return {
        replays: stopped.map(({ pool }) => pool),
        closed: stopped.length > 0 ? 0 : store.findings.resolve(block, identity, reason),
      };
    }),
  );
  if (closed + replays.length === 0) throw noFinding(identity, block, "open ");
  if (options.json) io.out(jsonAnswer({ resolved: closed, replays, reason }));
  else if (closed > 0) io.out(`${closed} resolved: ${reason}\n`);
  else
    for (const pool of replays)
      io.out(`${pool}: goes on by its kept logs with the next lp-ledger start, as its entry is then: ${reason}\n`);
}

/** @throws NOT_RESOLVED where the pool cannot go on by what was kept */
function orderReplay(store: Store, { pool, wrapper, finding }: Quarantine, reason: string): void {
  if (wrapper === null && store.quarantines.isKept(pool)) {
    store.refetches.order({ kind: "replay", pool }, reason, store.nowIso());
    return;
  }
  const why =
    wrapper === null
      ? "not everything that came since was kept: its history was being fetched again"
      : "no caveat makes up for shares that a wrapper does not hold: whose they are is not known";
  throw new LpLedgerError("usage", "NOT_RESOLVED", `${nameOf({ pool, wrapper })} cannot go on by a reason: ${why}`, {
    exitCode: 64,
    hint: wayOutOf(finding.identity, pool, wrapper ?? undefined)
      .slice(wrapper === null ? -2 : 0)
      .join("; "),
  });
}

function noFinding(identity: string, block: number, which: "open " | ""): LpLedgerError {
  return new LpLedgerError("usage", "NO_FINDING", `there is no ${which}finding ${identity} at block ${block}`, {
    exitCode: 64,
    hint: "lp-ledger audit list shows them all",
  });
}
