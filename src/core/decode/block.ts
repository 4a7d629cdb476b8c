import type { LedgerEvent } from "../accounting/post.ts";
import type { WorkingSet } from "../accounting/working-set.ts";
import type { Log } from "../chain.ts";
import { endOfTransaction } from "../log-bytes.ts";
import type { Pool } from "../programme/programme.ts";
import type { Place } from "./reading.ts";
import type { Routes } from "./routes.ts";
import { type AppliedTransaction, applyAlone, applyTransaction } from "./transaction.ts";

/** Applies the logs of a block to the books, transaction by transaction; see `applyTransaction`. */
export function applyBlock(books: WorkingSet, routes: Routes, logs: readonly Log[], place: Place): AppliedTransaction {
  const events: LedgerEvent[] = [];
  const postings: AppliedTransaction["postings"][number][] = [];
  const pools = new Set<Pool>();
  for (let begin = 0, end = 0; begin < logs.length; begin = end) {
    end = endOfTransaction(logs, begin);
    const first = end === begin + 1 ? logs[begin] : undefined;
    const alone = first && applyAlone(books, routes, first, place);
    if (alone) {
      pools.add(alone);
      continue;
    }
    const applied = applyTransaction(books, routes, logs.slice(begin, end), place);
    events.push(...applied.events);
    postings.push(...applied.postings);
    for (const pool of applied.pools) pools.add(pool);
  }
  return { events, postings, pools };
}
