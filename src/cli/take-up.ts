import { rmSync } from "node:fs";
import type { ContractReader } from "../chain/calls.ts";
import { configError, type Problem } from "../config/problems.ts";
import { LpLedgerError } from "../core/errors.ts";
import { aggregatorsOf, type Pool, type Programme } from "../core/programme.ts";
import { addPools, unsettle } from "../daemon/add-pools.ts";
import { adoptProgramme, adoptRules, compareProgramme, onlyAdded, withoutAdded } from "../daemon/adopt.ts";
import { Bookkeeper } from "../daemon/bookkeeper.ts";
import { rebuild } from "../daemon/rebuild.ts";
import type { Logger } from "../log.ts";
import { openForWriting } from "../store/open.ts";
import { Store } from "../store/store.ts";
import { existedBefore, startBlockProblem } from "./check.ts";
import { sha256, systemClock } from "./platform.ts";
import { type Context, patiently } from "./wiring.ts";

export type Follow = (keeper: Bookkeeper, pools: Programme, until?: number) => Promise<void>;

/** Makes the ledger follow the programme file: stores a first one, fetches the history of added pools. */
export async function takeUp(
  { settings, programme }: Context,
  store: Store,
  log: Logger,
  reader: ContractReader,
  follow: Follow,
  stopped: () => boolean,
): Promise<void> {
  const adoption = compareProgramme(store, programme);
  const { kind, added, feeds } = adoption;
  if (kind === "same") return;
  if (kind === "ruled") {
    store.write(() => adoptRules(store, programme, sha256));
    log.info({}, "the changed rules of tiers and rewards hold from now on, for every day that is not of a final epoch");
    return;
  }
  if (kind === "revalued") {
    throw new LpLedgerError(
      "usage",
      "PROGRAMME_REVALUED",
      "the prices, quote or tokens of the programme file are not those the ledger was valued with",
      {
        hint:
          "run lp-ledger rebuild, then start again: it prices what has no price yet and every day that is not final by the new sources. " +
          "What a final day was priced with stays; lp-ledger prices revise changes that, and keeps the reason",
      },
    );
  }
  await requireBirth(
    reader,
    kind === "new" ? programme.pools : programme.pools.filter((pool) => added.has(pool.address)),
  );
  const tip = store.blocks.tip();
  const past = (block: number): boolean => block <= (tip?.number ?? -1);
  const late = [
    ...programme.pools.filter((pool) => added.has(pool.address) && past(pool.startBlock)),
    ...aggregatorsOf(programme).filter((each) => feeds.has(each.address) && past(each.fromBlock)),
  ];
  if (kind === "new" || late.length === 0) {
    store.write(() => {
      adoptProgramme(store, programme, sha256);
      if (tip === undefined) return;
      rebuild(store, programme, sha256, added);
      unsettle(store, undefined); // A manager that comes with the new pools was not listened to before.
    });
    return;
  }
  log.info({ pools: [...added], feeds: [...feeds] }, "fetching the history of added pools and price feeds");
  const path = `${settings.databasePath}.adding`;
  const plan = {
    main: new Bookkeeper(store, withoutAdded(programme, adoption), sha256),
    added: onlyAdded(programme, adoption),
    sha256,
    openSide: () => openSide(path, onlyAdded(programme, adoption)),
    follow,
    stopped,
    adopt: () => adoptProgramme(store, programme, sha256),
  };
  const rebuilt = await addPools(plan, programme);
  if (rebuilt === undefined) return;
  log.info({ events: rebuilt.events, stateDigest: rebuilt.stateDigest }, "added and rebuilt");
}

/** A pool must be followed from its birth: one that already existed before its start block is refused. */
async function requireBirth(reader: ContractReader, pools: readonly Pool[]): Promise<void> {
  const { signal } = new AbortController();
  const problems: Problem[] = [];
  for (const pool of pools) {
    const before = await patiently(() => existedBefore(reader, pool, signal)).catch(() => null);
    if (before === true) problems.push(startBlockProblem(pool));
  }
  if (problems.length > 0) throw configError("the programme file, compared with the chain,", problems);
}

/** Opens the side ledger; one that was begun for other pools is begun again. */
function openSide(path: string, pools: Programme): ReturnType<Parameters<typeof addPools>[0]["openSide"]> {
  const discard = (): void => {
    for (const suffix of ["", "-wal", "-shm", ".lock", ".lock-journal"]) rmSync(`${path}${suffix}`, { force: true });
  };
  let opened = openForWriting(path);
  let store = new Store(opened.db, systemClock);
  const kind = store.config.get("programme") === undefined ? "new" : kindOf(store, pools);
  if (kind !== "new" && kind !== "same") {
    opened.close();
    discard();
    opened = openForWriting(path);
    store = new Store(opened.db, systemClock);
  }
  if (kind !== "same") store.write(() => adoptProgramme(store, pools, sha256));
  let open = true;
  const close = (): void => {
    if (open) opened.close();
    open = false;
  };
  return {
    path,
    store,
    close,
    discard: () => {
      close();
      discard();
    },
  };
}

function kindOf(store: Store, pools: Programme): string {
  try {
    return compareProgramme(store, pools).kind;
  } catch {
    return "other";
  }
}
