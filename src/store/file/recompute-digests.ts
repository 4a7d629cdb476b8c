import { hash } from "node:crypto";
import type { Database } from "better-sqlite3";
import { stateDigest } from "../../core/accounting/digest.ts";

/**
 * Brings the state digests of a ledger of schema 13 or older to the rule of today: a pool that the programme names
 * contributes nothing before its first posting, like one that a factory made. The caller holds the transaction.
 */
export function recomputeStateDigests(db: Database): void {
  const named = db.prepare<[], string>("select pool_address from pools where metadata ->> '$.factory' is null");
  const missing = new Set(named.pluck().all());
  const digests = new Map<string, string>();
  const update = db.prepare("update processed_blocks set state_digest = ? where block_number = ?");
  const since = db.prepare<[number, number], { pool: string; digest: string }>(
    "select pool_address as pool, digest from pool_digests where block_number > ? and block_number <= ? order by block_number",
  );
  const blocks = db.prepare<[number], number>(
    "select block_number from processed_blocks where block_number > ? order by block_number limit 1000",
  );
  let current = stateDigest((text) => hash("sha256", text), digests);
  for (let above = -1; missing.size > 0; ) {
    const page = blocks.pluck().all(above);
    if (page.length === 0) return;
    for (const block of page) {
      const changed = since.all(above, block);
      for (const { pool, digest } of changed) {
        digests.set(pool, digest);
        missing.delete(pool);
      }
      if (changed.length > 0) current = stateDigest((text) => hash("sha256", text), digests);
      update.run(current, block);
      above = block;
    }
  }
}
