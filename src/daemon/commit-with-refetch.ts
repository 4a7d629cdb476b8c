import type { Range, RangeBounds } from "../core/chain.ts";
import { type Finding, findingOf, invariant, LpLedgerError } from "../core/errors.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { Committed, TakenFork } from "../ledger/committed.ts";
import type { ChainPort } from "./chain-port.ts";
import { reverify } from "./cross-check.ts";
import { commitStopping } from "./quarantine.ts";
import { cutAtFinal } from "./refetch.ts";
import { storedFinal } from "./reorg.ts";

/**
 * Tries a commit. On a broken identity the block that shows it is fetched again by its hash, then the ranges whole,
 * since a log that is missing earlier may show late. If it is still broken, the pool that it is of is stopped from the
 * transaction on that shows it, and everything else goes on; where that is not wanted, or cannot be, the ledger stops
 * with the first broken identity, and that is recorded with those that later attempts broke.
 */
export async function commitWithRefetch(
  keeper: Bookkeeper,
  chain: ChainPort,
  bounds: RangeBounds,
  ranges: readonly Range[],
  base: number,
  signal: AbortSignal,
  attempt: (ranges: readonly Range[]) => Committed,
  how: {
    readonly accepted?: TakenFork | undefined;
    readonly quarantine?: boolean | undefined;
    readonly onCommit?: (committed: Committed) => void;
    /** What `attempt` commits besides. */
    readonly below?: readonly Range[] | undefined;
  } = {},
): Promise<Committed> {
  const reads = [
    async () => ranges,
    async () => await refetchBlock(chain, ranges, findingOf(broken.at(-1)), signal),
    async () => await refetchRanges(keeper, chain, ranges, bounds, signal),
  ];
  const broken: LpLedgerError[] = [];
  let seen = ranges;
  for (const read of reads) {
    seen = await read();
    try {
      return attempt(seen);
    } catch (error) {
      // Once an identity broke, whatever else does not hold stands beside it.
      const isLater = broken.length > 0 && error instanceof LpLedgerError && error.kind === "invariant";
      if (findingOf(error) === undefined && !isLater) throw error;
      broken.push(error as LpLedgerError);
    }
  }
  await requireSoundBelow(keeper, chain, base, signal, how);
  const findings = broken.flatMap((error) => findingOf(error) ?? []);
  const all = [...(how.below ?? []), ...seen];
  const stopped =
    how.quarantine === true ? stoppedOr(() => commitStopping(keeper, all, () => attempt(seen))) : undefined;
  // What stopped a pool is recorded with that; all else held.
  if (stopped !== undefined) return stopped;
  keeper.store.write(() => {
    for (const finding of findings) keeper.store.findings.insert(finding);
  });
  throw firstWithLater(broken);
}

/**
 * What does not hold may rest on a log that is missing lower: everything unsettled up to a block is read again.
 * @throws REPAIRED_BELOW, transient, where that was not what it is and is mended now
 */
export async function requireSoundBelow(
  ...[keeper, chain, base, signal, how]: Parameters<typeof reverify>
): Promise<void> {
  if (await reverify(keeper, chain, base, signal, how))
    throw new LpLedgerError("transient", "REPAIRED_BELOW", `blocks below ${base + 1} were not what they are: repaired`);
}

/** Undefined where something does not hold that cannot be confined to a pool. */
function stoppedOr(commit: () => Committed): Committed | undefined {
  try {
    return commit();
  } catch (error) {
    if (error instanceof LpLedgerError && error.kind === "invariant") return undefined;
    throw error;
  }
}

/** The first error, with what the others found beside it. */
function firstWithLater([first, ...others]: readonly LpLedgerError[]): LpLedgerError {
  invariant(first !== undefined, "UNREACHABLE", "a commit neither succeeded nor failed");
  const later = [...new Set(others.map(({ message }) => message))].filter((each) => each !== first.message);
  if (later.length === 0) return first;
  const { kind, code, hint, exitCode } = first;
  return new LpLedgerError(kind, code, `${first.message}; read again: ${later.join("; ")}`, {
    facts: { ...first.facts, later },
    exitCode,
    ...(hint === undefined ? {} : { hint }),
  });
}

async function refetchBlock(
  chain: ChainPort,
  ranges: readonly Range[],
  finding: Finding | undefined,
  signal: AbortSignal,
): Promise<readonly Range[]> {
  const suspect = ranges.flatMap((range) => range.blocks).find((block) => block.number === finding?.blockNumber);
  if (suspect === undefined) return ranges;
  const again = await chain.blockLogs(suspect.hash, suspect.number, signal);
  return ranges.map((range) => ({
    ...range,
    blocks: range.blocks.map((block) => (block === suspect ? again : block)),
  }));
}

async function refetchRanges(
  keeper: Bookkeeper,
  chain: ChainPort,
  ranges: readonly Range[],
  bounds: RangeBounds,
  signal: AbortSignal,
): Promise<readonly Range[]> {
  const [first, last] = [ranges[0], ranges.at(-1)];
  if (first === undefined || last === undefined) return ranges;
  const again: Range[] = [];
  const final = storedFinal(keeper)?.number ?? first.from - 1;
  for (const [from, to] of cutAtFinal(first.from - 1, last.end.number, final))
    for await (const range of chain.ranges(from, to, bounds, signal, { form: "other" })) again.push(range);
  return again;
}
