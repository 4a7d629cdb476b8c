import { rmSync } from "node:fs";
import type { ContractReader } from "../chain/contracts/contract-reader.ts";
import { findingOf, LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import { aggregatorsOf, type Programme } from "../core/programme/programme.ts";
import { addPools, requireCrossCheck } from "../daemon/add-pools.ts";
import { type RetryOptions, retryTransient } from "../daemon/retry.ts";
import { Bookkeeper } from "../ledger/bookkeeper.ts";
import {
  adoptProgramme,
  adoptRules,
  compareProgramme,
  onlyAdded,
  requireSamePricing,
  withoutAdded,
} from "../ledger/compare-programme.ts";
import { dropPools } from "../ledger/drop-pools.ts";
import { withDiscovered } from "../ledger/followed-pools.ts";
import { rebuild } from "../ledger/rebuild.ts";
import { replay } from "../ledger/replay.ts";
import type { Logger } from "../log.ts";
import { openForWriting } from "../store/lifecycle/open.ts";
import { Store } from "../store/store.ts";
import type { Context } from "./context.ts";
import { requireSound } from "./new-pool-checks.ts";
import { sha256, systemClock } from "./platform.ts";

export type Follow = (keeper: Bookkeeper, pools: Programme, until?: number) => Promise<void>;

/** How the contracts of new pools are asked before they are followed. */
export interface Preflighting extends RetryOptions {
  readonly reader: ContractReader;
  readonly signal: AbortSignal;
}

/** Makes the ledger follow the programme file, and does what was ordered of single pools. */
export async function applyProgramme(
  context: Context,
  store: Store,
  log: Logger,
  preflighting: Preflighting,
  follow: Follow,
): Promise<void> {
  const { programme } = context;
  const { dropped, added, feeds } = compareProgramme(store, programme);
  if (dropped.size > 0) {
    requireAlone([...dropped], [...added, ...feeds]);
    store.write(() => dropPools(store, programme, sha256, dropped));
    log.info({ pools: [...dropped] }, "followed no more: what final epochs were paid by stays");
  }
  await adopt(context, store, log, preflighting, follow);
  for (const { pool, reason } of store.refetches.ordered("replay")) replayed(store, programme, pool, reason, log);
}

/** @throws DROP_ALONE where the file adds something with what is dropped. */
function requireAlone(dropped: readonly string[], added: readonly string[]): void {
  if (added.length === 0) return;
  const what = `${dropped.join(", ")} is dropped, and the programme file adds ${added.join(", ")}`;
  throw new LpLedgerError("usage", "DROP_ALONE", what, {
    hint: "let one start drop, with a programme file that only leaves out what is dropped; the next one adds",
  });
}

/** Lets a pool in quarantine go on by what was kept of it. */
function replayed(store: Store, programme: Programme, pool: Address, reason: string, log: Logger): void {
  try {
    const made = store.write(() => replay(store, programme, sha256, pool, reason));
    if (made === undefined)
      log.warn({ pool }, "nothing to go on by: the pool is in no quarantine, or nothing was kept of it");
    else if (made.again === undefined)
      log.info({ pool, events: made.events }, "in quarantine no more: it went on by its kept logs");
    else log.error({ pool, finding: made.again.finding }, "in quarantine still: an identity does not hold");
    if (made !== undefined) return;
  } catch (error) {
    const finding = findingOf(error);
    if (finding === undefined) throw error;
    log.error({ pool, finding }, "in quarantine still: a day does not add up");
  }
  const digest = store.accounts.poolDigest(pool);
  store.write(() => store.refetches.done(pool, store.blocks.tip()?.number ?? 0, digest, digest));
}

/** Stores a first programme, or takes up a changed one; fetches the history of added pools. */
async function adopt(
  { settings, programme }: Context,
  store: Store,
  log: Logger,
  { reader, signal, ...waiting }: Preflighting,
  follow: Follow,
): Promise<void> {
  const adoption = compareProgramme(store, programme);
  const { kind, added, feeds } = adoption;
  if (kind === "same") {
    store.config.unset("adding_after"); // What was to be added is not named any more.
    return;
  }
  if (kind === "ruled") {
    store.write(() => adoptRules(store, programme, sha256));
    log.info({}, "the changed rules of tiers and rewards hold from now on, for every day that is not of a final epoch");
    return;
  }
  requireSamePricing(adoption);
  const fresh = kind === "new" ? programme.pools : programme.pools.filter((pool) => added.has(pool.address));
  const patiently = <T>(ask: () => Promise<T>): Promise<T> => retryTransient(systemClock, signal, waiting, ask);
  await requireSound(fresh, programme, reader, patiently, log, signal);
  const [tip, again] = [store.blocks.tip(), store.refetches.waiting()];
  const followed = withDiscovered(store, programme);
  const past = (block: number): boolean => block <= (tip?.number ?? -1);
  const late = [
    ...followed.pools.filter(
      ({ address, startBlock }) => added.has(address) && (past(startBlock) || again.has(address)),
    ),
    ...aggregatorsOf(programme).filter((each) => feeds.has(each.address) && past(each.fromBlock)),
  ];
  if (kind === "new" || late.length === 0) {
    store.write(() => {
      adoptProgramme(store, programme, sha256);
      if (tip === undefined) return;
      rebuild(store, programme, sha256, added);
      requireCrossCheck(store, undefined); // A manager that comes with the new pools was not listened to before.
    });
    return;
  }
  log.info({ pools: [...added], feeds: [...feeds] }, "fetching the history of pools and price feeds");
  const path = `${settings.databasePath}.adding`;
  const plan = {
    main: new Bookkeeper(store, withoutAdded(programme, adoption), sha256),
    added: onlyAdded(followed, adoption),
    sha256,
    openSide: () => openSide(path, onlyAdded(followed, adoption)),
    follow,
    stopped: () => signal.aborted,
    adopt: () => adoptProgramme(store, programme, sha256),
  };
  const rebuilt = await addPools(plan, programme);
  if (rebuilt === undefined) return;
  log.info({ events: rebuilt.events, stateDigest: rebuilt.stateDigest }, "fetched and rebuilt");
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
