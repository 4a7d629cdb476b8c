import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Day } from "../core/day.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme/programme.ts";
import { changesBetween, type Moment, snapshotAt } from "../ledger/history.ts";
import { type CommonOptions, contextOf, type Io, withReader } from "../runtime/context.ts";
import { systemClock } from "../runtime/platform.ts";
import { openForReading } from "../store/lifecycle/open.ts";
import type { HeldAccount } from "../store/queries/positions.ts";
import { Store } from "../store/store.ts";
import { scaled } from "./table.ts";

export interface AtOptions extends CommonOptions {
  readonly block?: number;
  readonly date?: Day;
}

/** Shows what was held at the end of a block or a day, from the ledger alone. */
export async function at(io: Io, options: AtOptions): Promise<void> {
  const { block, date } = options;
  if ((block === undefined) === (date === undefined)) {
    throw new LpLedgerError("usage", "AT_WHAT", "name either --block or --date", { exitCode: 64 });
  }
  const { settings, programme } = contextOf(io, options);
  const moment: Moment = block === undefined ? { date: date as Day } : { block };
  const snapshot = await withReader(settings, async (store) => snapshotAt(store, programme, moment));
  const { positions, balances, ...facts } = snapshot;
  if (options.json) {
    const lines = positions.map(({ pool, position, provider, via, range, balance }) => ({
      pool,
      position: position === "" ? null : position,
      provider,
      via: via || null,
      tickLower: range?.tickLower ?? null,
      tickUpper: range?.tickUpper ?? null,
      liquidity: balance.toString(),
    }));
    const values = balances.map(({ provider, value }) => ({ provider, value: value?.toString() ?? null }));
    io.out(`${JSON.stringify({ ...facts, decimals: programme.quote.decimals, balances: values, positions: lines })}\n`);
    return;
  }
  const rows = balances.map(({ provider, value }) => `${provider}  ${scaled(value, programme).padStart(24)}`);
  const when = facts.stored === null ? "" : `, unchanged since block ${facts.stored.number} of ${facts.stored.time}`;
  const head = `block ${facts.blockNumber}${when}: ${positions.length} positions of ${balances.length} providers, state digest ${facts.stateDigest ?? "none"}`;
  io.out(`${[head, "", ...rows].join("\n")}\n`);
}

/** Shows whose positions differ between two blocks, or two backups, or one of each. */
export async function diff(io: Io, before: string, after: string, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const heldAt = async (what: string): Promise<readonly HeldAccount[]> => {
    if (/^\d+$/.test(what)) {
      return withReader(settings, async (store) => snapshotAt(store, programme, { block: Number(what) }).positions);
    }
    return heldInFile(resolve(io.cwd, what), programme);
  };
  const changes = changesBetween(await heldAt(before), await heldAt(after));
  for (const { pool, position, provider, before: was, after: is } of changes) {
    const change = {
      pool,
      position: position === "" ? null : position,
      provider,
      before: `${was}`,
      after: `${is}`,
      change: `${is - was}`,
    };
    io.out(
      options.json
        ? `${JSON.stringify(change)}\n`
        : `${pool} ${position || "shares"} ${provider}: ${was} -> ${is} (${is > was ? "+" : ""}${is - was})\n`,
    );
  }
  if (changes.length === 0 && !options.json) io.talk("nothing differs\n");
}

/** @throws SCHEMA_OLDER with a way that leaves the backup as it is */
function openOlder(path: string): ReturnType<typeof openForReading> {
  try {
    return openForReading(path);
  } catch (error) {
    if (!(error instanceof LpLedgerError) || error.code !== "SCHEMA_OLDER") throw error;
    throw new LpLedgerError("usage", "SCHEMA_OLDER", error.message, {
      hint: `copy the file, bring the copy up to date without a node (DATABASE=COPY lp-ledger rebuild), and name the copy here`,
    });
  }
}

function heldInFile(path: string, programme: Programme): readonly HeldAccount[] {
  if (!existsSync(path)) {
    throw new LpLedgerError("usage", "DIFF_WHAT", `${path} is neither a block number nor a file`, {
      exitCode: 64,
      hint: "name two blocks, two backups, or one of each",
    });
  }
  const opened = openOlder(path);
  try {
    const store = new Store(opened.db, systemClock);
    const tip = store.blocks.tip();
    return tip === undefined ? [] : snapshotAt(store, programme, { block: tip.number }).positions;
  } finally {
    opened.close();
  }
}
