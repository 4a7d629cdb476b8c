import type { Range } from "../core/chain.ts";
import type { Store } from "../store/store.ts";

// Which endpoint read what is not settled yet, so that the second reading is another one's. Callers hold the
// transaction.

/** Who read a block first, by its origin, and the last block of that stretch; none where nobody knows any more. */
export function firstFetchedBy(
  { config }: Store,
  block: number,
): { readonly by: string | undefined; readonly to: number } {
  const readers = config.get("read_by") ?? [];
  const next = readers.find(({ from }) => from > block);
  const by = readers.filter(({ from }) => from <= block).at(-1)?.by;
  return { by, to: (next?.from ?? Number.MAX_SAFE_INTEGER) - 1 };
}

export function recordFetchedBy(store: Store, { from, by }: Range): void {
  const readers = store.config.get("read_by") ?? [];
  if (by === undefined || readers.at(-1)?.by === by) return;
  store.config.set("read_by", [...readers, { from, by }], store.nowIso());
}

/** For blocks that were undone. */
export function forgetReadersAbove(store: Store, block: number): void {
  const readers = store.config.get("read_by") ?? [];
  const left = readers.filter(({ from }) => from <= block);
  if (left.length < readers.length) store.config.set("read_by", left, store.nowIso());
}

/** For blocks that are settled; the one who read the next block stays. */
export function forgetReadersUpTo(store: Store, block: number): void {
  const readers = store.config.get("read_by") ?? [];
  const left = readers.filter((_, i) => (readers[i + 1]?.from ?? Number.MAX_SAFE_INTEGER) > block + 1);
  if (left.length < readers.length) store.config.set("read_by", left, store.nowIso());
}
