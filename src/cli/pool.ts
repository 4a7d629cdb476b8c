import { LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { CanonicalProgramme } from "../core/programme/canonical.ts";
import { type CommonOptions, type Io, settingsOf, withOperator } from "../runtime/context.ts";
import type { OrderKind } from "../store/refetches.ts";
import type { Store } from "../store/store.ts";
import { jsonAnswer } from "./table.ts";

export interface OrderOptions extends CommonOptions {
  readonly reason: string;
}

/** What the next start does, by what is ordered. */
const ORDERED: Readonly<Record<Exclude<OrderKind, "replay">, string>> = {
  refetch: "its history is fetched again by the next lp-ledger start",
  drop: "the next lp-ledger start takes it out of the ledger; take it out of the programme file before that (of a factory's pool: name it in the factory's except)",
};

/** Orders what is to be done with some pools; done by the next start, with the entries of the programme file. */
export async function poolOrder(
  io: Io,
  kind: keyof typeof ORDERED,
  pools: readonly Address[],
  options: OrderOptions,
): Promise<void> {
  const { reason } = options;
  requireReason(reason);
  await withOperator(settingsOf(io, options), async (store) =>
    store.write(() => {
      const followed = followedBy(store);
      for (const pool of pools) {
        if (!followed.has(pool)) throw notFollowed(pool);
        store.refetches.order({ kind, pool }, reason, store.nowIso());
      }
    }),
  );
  if (options.json) io.out(jsonAnswer({ pools, reason }));
  else for (const pool of pools) io.out(`${pool}: ${ORDERED[kind]}\n`);
}

/** Orders that the pools of some wrappers be fetched again, by a programme file that does not name those any more. */
export async function wrapperDrop(io: Io, wrappers: readonly Address[], options: OrderOptions): Promise<void> {
  const { reason } = options;
  requireReason(reason);
  const pools = await withOperator(settingsOf(io, options), async (store) =>
    store.write(() => {
      const held = wrappers.map((wrapper) => [wrapper, poolsOf(store, wrapper)] as const);
      for (const [wrapper, of] of held)
        for (const pool of of) store.refetches.order({ kind: "refetch", pool, wrapper }, reason, store.nowIso());
      return [...new Set(held.flatMap(([, of]) => of))].sort();
    }),
  );
  if (options.json) io.out(jsonAnswer({ wrappers, pools, reason }));
  else
    for (const pool of pools)
      io.out(
        `${pool}: its history is fetched again by the next lp-ledger start; take ${wrappers.join(", ")} out of the programme file before that\n`,
      );
}

function requireReason(reason: string): void {
  if (reason.trim() === "")
    throw new LpLedgerError("usage", "NO_REASON", 'reason: expected why it is done, found ""', { exitCode: 64 });
}

function programmeOf(store: Store): CanonicalProgramme | undefined {
  return store.config.get("programme") as CanonicalProgramme | undefined;
}

function followedBy(store: Store): ReadonlySet<string> {
  const named = programmeOf(store)?.pools.map(({ address }) => address) ?? [];
  return new Set([...named, ...store.pools.discovered().map(({ address }) => address)]);
}

/**
 * The pools whose shares or position NFTs a wrapper holds. @throws NO_WRAPPER where the ledger knows none of that
 * address
 */
function poolsOf(store: Store, wrapper: Address): readonly Address[] {
  const { wrappers = [], pools = [], factories = [] } = programmeOf(store) ?? {};
  const own = wrappers.filter(({ address }) => address === wrapper);
  if (own.length === 0)
    throw new LpLedgerError("usage", "NO_WRAPPER", `the ledger knows no wrapper ${wrapper}`, {
      exitCode: 64,
      hint: "the programme file names those that it follows",
    });
  const managed = own.filter(({ pool }) => pool === null).map(({ manager }) => manager);
  const holds = (managers: readonly string[]): boolean =>
    managed.some((manager) => (typeof manager === "string" ? managers.includes(manager) : managers.length > 0));
  const makers = factories.filter(({ managers }) => holds(managers as readonly string[]));
  return [
    ...own.flatMap(({ pool }) => (typeof pool === "string" ? [pool as Address] : [])),
    ...pools.filter(({ managers }) => holds(managers)).map(({ address }) => address as Address),
    ...store.pools
      .discovered()
      .flatMap(({ address, factory }) => (makers.some((each) => each.address === factory) ? [address] : [])),
  ];
}

function notFollowed(pool: Address): LpLedgerError {
  return new LpLedgerError("usage", "NOT_FOLLOWED", `the ledger does not follow pool ${pool}`, {
    exitCode: 64,
    hint: "lp-ledger audit list names the pool of each finding; the programme file names those that are followed, or the factories that make them",
  });
}
