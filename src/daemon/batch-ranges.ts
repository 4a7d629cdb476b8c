import { RANGES_TOGETHER, type Range } from "../core/chain.ts";

/**
 * Ranges up to `goal` in groups of those that come soon after one another: what touches the same pages and providers
 * costs less in one commit. `begin` gives the ranges until its signal aborts; `soon` resolves when a next range is no
 * longer waited for, at the latest when its signal aborts. An error is thrown after the group before it was taken.
 */
export async function* batchRanges(
  begin: (signal: AbortSignal) => AsyncGenerator<Range>,
  goal: number,
  soon: (signal: AbortSignal) => Promise<void>,
  outer: AbortSignal,
): AsyncGenerator<readonly Range[]> {
  outer.throwIfAborted();
  const left = new AbortController();
  const leave = (): void => left.abort(outer.reason);
  outer.addEventListener("abort", leave);
  const ranges = begin(left.signal);
  let next: Promise<IteratorResult<Range>> | undefined;
  try {
    for (;;) {
      const first = await (next ?? ranges.next());
      next = undefined;
      if (first.done === true) return;
      const group = [first.value];
      while (group.length < RANGES_TOGETHER && (group.at(-1)?.end.number ?? goal) < goal) {
        next = ranges.next();
        const waiting = new AbortController();
        const another = await Promise.race([next.catch(() => undefined), soon(waiting.signal)]);
        waiting.abort();
        if (another === undefined || another.done === true) break;
        next = undefined;
        group.push(another.value);
      }
      yield group;
    }
  } finally {
    outer.removeEventListener("abort", leave);
    // A range that is on its way is not waited for.
    left.abort();
    next?.catch(() => {});
    await ranges.return(undefined);
  }
}
