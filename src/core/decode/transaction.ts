import type { Account } from "../accounting/accounts.ts";
import { followToken, type LedgerEvent, type Posting, post } from "../accounting/post.ts";
import type { WorkingSet } from "../accounting/working-set.ts";
import type { Log } from "../chain.ts";
import { broken, LpLedgerError } from "../errors.ts";
import type { Address } from "../hex.ts";
import { topicOf } from "../log-bytes.ts";
import type { Pool } from "../programme/programme.ts";
import { NewTokens } from "./new-tokens.ts";
import { protocolOf } from "./protocols.ts";
import {
  type BeginDecoder,
  type DecodeContext,
  decodeLog,
  type Emit,
  type Place,
  type Protocol,
  type TransactionDecoder,
} from "./reading.ts";
import { emitterOf, isOut, isWrapperOut, type Routes } from "./routes.ts";
import { WRAPPERS, WrapperLogs } from "./wrappers.ts";

/** What one transaction did to the ledger; events and postings in log order. */
export interface AppliedTransaction {
  readonly events: readonly LedgerEvent[];
  readonly postings: readonly { readonly event: LedgerEvent; readonly posting: Posting }[];
  readonly pools: ReadonlySet<Pool>;
}

/**
 * Applies a log that is all a transaction has for us, if it can be read by itself. @returns its pool; undefined where
 * it cannot.
 */
export function applyAlone(books: WorkingSet, routes: Routes, log: Log, place: Place): Pool | undefined {
  const pool = emitterOf(routes, log);
  if (pool === undefined || isOut(routes, pool.address, place, log)) return undefined;
  const read = protocolOf(pool).alone?.get(topicOf(log) ?? "");
  try {
    return read?.(books, pool, log, place) === true ? pool : undefined;
  } catch (error) {
    throw ofPool(error, pool, place, log);
  }
}

/**
 * Applies the logs of one transaction to the books: decodes, matches position-manager logs with pool logs, checks the
 * identities and posts. All or nothing is the caller's: after a throw the books must be thrown away.
 */
export function applyTransaction(
  books: WorkingSet,
  routes: Routes,
  logs: readonly Log[],
  place: Place,
): AppliedTransaction {
  const events: LedgerEvent[] = [];
  const postings: { event: LedgerEvent; posting: Posting }[] = [];
  const pools = new Set<Pool>();
  const emit: Emit = (event) => {
    events.push(event);
    for (const posting of post(books, event, place.blockNumber)) postings.push({ event, posting });
    followToken(books, event, place.blockNumber);
    pools.add(event.pool);
  };
  const [first] = logs;
  const isGone = (address: Address): boolean => first !== undefined && isOut(routes, address, place, first);
  const poolOf = (address: Address): Pool | undefined => (isGone(address) ? undefined : routes.pools.get(address));
  const reading: DecodeContext = { books, place, emit, logs, poolOf, newTokens: new NewTokens() };
  let claims: WrapperLogs | undefined;
  const readers: { readonly begin: BeginDecoder; readonly reader: TransactionDecoder }[] = [];
  const readerOf = ({ begin }: Protocol): TransactionDecoder => {
    for (const each of readers) if (each.begin === begin) return each.reader;
    const reader = begin(reading);
    readers.push({ begin, reader });
    return reader;
  };
  for (const log of logs) {
    const pool = emitterOf(routes, log);
    if (pool !== undefined) {
      if (isGone(pool.address)) continue;
      const protocol = protocolOf(pool);
      try {
        if (protocol.alone?.get(topicOf(log) ?? "")?.(books, pool, log, place) === true) {
          pools.add(pool);
          continue;
        }
        const decoded = decodeLog(protocol.shapes, log);
        if (decoded === undefined) continue;
        pools.add(pool);
        readerOf(protocol).read(pool, decoded);
      } catch (error) {
        throw ofPool(error, pool, place, log);
      }
      continue;
    }
    for (const wrapper of routes.wrappers.get(log.address) ?? []) {
      if (wrapper.pool !== null && isGone(wrapper.pool)) continue;
      if (first !== undefined && isWrapperOut(routes, wrapper, place, first)) continue;
      try {
        const decoded = decodeLog(WRAPPERS.get(wrapper.kind)?.shapes ?? new Map(), log);
        if (decoded === undefined) continue;
        claims ??= new WrapperLogs(reading);
        claims.read(wrapper, decoded);
      } catch (error) {
        const of = wrapper.pool === null ? undefined : routes.pools.get(wrapper.pool);
        if (of !== undefined) throw ofPool(error, of, place, log, wrapper.address);
        // A staker of position NFTs that says nothing that one says: its tokens stay its own, and nobody's.
        if (!(error instanceof LpLedgerError) || error.code !== "LOG_SHAPE") throw error;
      }
    }
    const protocol = routes.managers.get(log.address);
    const decoded = protocol?.managers && decodeLog(protocol.managers, log);
    if (protocol !== undefined && decoded !== undefined) readerOf(protocol).readManager?.(decoded);
  }
  for (const { reader } of readers) reader.finish?.();
  claims?.finish();
  if (events.length === 0) return { events, postings, pools };
  events.sort((a, b) => a.logIndex - b.logIndex);
  const ordered = inOrder(postings);
  if (first !== undefined) requireCovered(routes, ordered, place, first);
  return { events, postings: ordered, pools };
}

/** Findings have their pool already; what the database says of itself no log can be blamed for. */
const OF_THE_LEDGER: ReadonlySet<string> = new Set(["IDENTITY_BROKEN", "STATE_SUPPLY", "STATE_LIQUIDITY"]);

/**
 * L-1: whatever a contract says that its kind never does is a finding of its pool, or of the wrapper: nobody else must
 * stop for it.
 */
function ofPool(error: unknown, pool: Pool, place: Place, log: Log, wrapper?: Address): unknown {
  const isUnreadable =
    error instanceof RangeError ||
    (error instanceof LpLedgerError && error.kind === "invariant" && !OF_THE_LEDGER.has(error.code));
  if (!isUnreadable) return error;
  const why = "its log is none that a contract of its kind emits";
  return broken("L-1", pool, place, log, "a log of its kind", error.message, why, wrapper);
}

/** W-1: a wrapper holds at least what its users claim; everybody else was held to that log by log. */
function requireCovered(routes: Routes, postings: AppliedTransaction["postings"], place: Place, first: Log): void {
  for (const { event, posting } of postings) {
    const { account } = posting;
    if (account.kind !== "holder" || account.balance >= 0n) continue;
    const own = routes.wrappers.get(account.provider)?.find(({ pool }) => pool === event.pool.address);
    // What its users claimed last stays as it was; that it holds less is why it is stopped.
    if (own !== undefined && isWrapperOut(routes, own, place, first)) continue;
    const why = `the users of the wrapper ${account.provider} claim more than it holds: a transfer or a claim is missing, or its logs mean something else`;
    throw broken("W-1", event.pool, place, event, "at least 0", account.balance, why, account.provider);
  }
}

/** Postings and the balances after each in log order: some logs are understood only when later ones are read. */
function inOrder(made: AppliedTransaction["postings"]): AppliedTransaction["postings"] {
  if (made.every(({ posting }, i) => posting.logIndex >= (made[i - 1]?.posting.logIndex ?? 0))) return made;
  const postings = [...made].sort((a, b) => a.posting.logIndex - b.posting.logIndex);
  const balances = new Map<Account, bigint>();
  for (const { posting } of postings) {
    const { account, delta } = posting;
    balances.set(account, (balances.get(account) ?? account.balance) - delta);
  }
  return postings.map(({ event, posting }) => {
    const balanceAfter = (balances.get(posting.account) ?? 0n) + posting.delta;
    balances.set(posting.account, balanceAfter);
    return { event, posting: { ...posting, balanceAfter } };
  });
}
