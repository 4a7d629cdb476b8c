import type { Range } from "../core/chain.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";
import { headerAt } from "./header-at.ts";

/** The blocks above one up to another, cut after the final block: what is below it is read by another rule. */
export function cutAtFinal(above: number, to: number, final: number): readonly (readonly [from: number, to: number])[] {
  const cut = Math.min(Math.max(final, above), to);
  const parts = [
    [above + 1, cut],
    [cut + 1, to],
  ] as const;
  return parts.filter(([from, end]) => from <= end);
}

/** Everything above one block up to another, as `read` tells it of each part, cut at the final block. */
async function gathered(
  { store }: Bookkeeper,
  above: number,
  to: number,
  read: (from: number, end: number, final: number) => AsyncIterable<Range>,
): Promise<readonly Range[]> {
  const final = store.config.get("final_block") ?? above;
  const ranges: Range[] = [];
  for (const [from, end] of cutAtFinal(above, to, final))
    for await (const range of read(from, end, final)) ranges.push(range);
  return ranges;
}

/**
 * Everything above one block up to another as the endpoint in use has it, cut at the final block, with its headers'
 * times.
 */
export async function refetchAbove(
  keeper: Bookkeeper,
  chain: ChainPort,
  above: number,
  to: number,
  signal: AbortSignal,
): Promise<readonly Range[]> {
  return await gathered(keeper, above, to, async function* (from, end, final) {
    const head = await headerAt(chain, end, signal);
    yield* chain.ranges(from, end, { head, finalTo: final }, signal, { checked: [] });
  });
}

/** The same as another endpoint has it, where there is one. */
export async function refetchFromOther(
  keeper: Bookkeeper,
  chain: ChainPort,
  above: number,
  to: number,
  signal: AbortSignal,
): Promise<readonly Range[]> {
  return await gathered(keeper, above, to, (from, end, final) => chain.refetch(from, end, final, signal));
}
