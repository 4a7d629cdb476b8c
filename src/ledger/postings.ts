import { chainDigest, type DigestLine, type Sha256 } from "../core/accounting/digest.ts";
import type { LedgerEvent, Posting } from "../core/accounting/post.ts";
import type { WorkingSet } from "../core/accounting/working-set.ts";
import type { PoolState } from "../core/amm/pool-state.ts";
import { invariant } from "../core/errors.ts";
import { groupBy } from "../core/group.ts";
import type { Address } from "../core/hex.ts";
import type { Store } from "../store/store.ts";

/** One posting with the event it belongs to. */
export interface EventPosting {
  readonly event: LedgerEvent;
  readonly posting: Posting;
}

/** What the logs of a block did to the ledger. */
export interface AppliedBlock {
  /** How many events. */
  readonly events: number;
  readonly postings: readonly EventPosting[];
  /** The states of the pools it had logs of, at its end. */
  readonly states: readonly (readonly [pool: Address, state: PoolState | undefined])[];
}

/** Writes a block's postings, in log order, and chains them to the digests of their pools. */
export function insertPostings(
  store: Store,
  books: WorkingSet,
  digest: { readonly sha256: Sha256; readonly chainId: number },
  block: { readonly number: number; readonly hash: string },
  postings: readonly EventPosting[],
): void {
  let leg = 0;
  let logIndex = -1;
  for (const { posting } of postings) {
    leg = posting.logIndex === logIndex ? leg + 1 : 0;
    logIndex = posting.logIndex;
    store.events.insertPosting(block.number, leg, posting);
  }
  for (const [pool, made] of groupBy(postings, poolOf)) {
    const lines: DigestLine[] = [];
    for (const { posting } of made) {
      const { kind, position, provider, via } = posting.account;
      lines.push({ logIndex: posting.logIndex, kind, position, provider, via: via ?? "", delta: posting.delta });
    }
    const before = books.digest(pool);
    const at = { chainId: digest.chainId, blockHash: block.hash };
    const chained = chainDigest(digest.sha256, before, at, lines);
    invariant(chained !== before, "DIGEST_STUCK", `the digest of ${pool} did not move`);
    books.setDigest(pool, chained);
    store.insertDigest(pool, block.number, chained);
  }
}

const poolOf = ({ event }: EventPosting): Address => event.pool.address;
