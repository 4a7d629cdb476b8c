import { ContractFacts } from "../chain/contracts/contract-facts.ts";
import type { ContractReader } from "../chain/contracts/contract-reader.ts";
import type { Problem } from "../config/problems.ts";
import type { Feed, Programme } from "../core/programme/programme.ts";
import type { Logger } from "../log.ts";
import { patiently } from "./context.ts";

/**
 * Compares every Chainlink feed of the programme with its contracts: the proxy names the aggregator in force and all
 * before it, and emits nothing itself. @param notes gets what cannot be checked
 */
export async function feedProblems(
  reader: ContractReader,
  { prices }: Programme,
  notes: string[],
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [token, sources] of prices)
    for (const source of sources)
      if (source.kind === "chainlink")
        problems.push(...(await oneFeed(reader, source.feed, `prices.${token}.chainlink`, notes, signal)));
  return problems;
}

async function oneFeed(
  reader: ContractReader,
  { proxy, aggregators, decimals }: Feed,
  field: string,
  notes: string[],
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [i, { address }] of aggregators.entries()) {
    const { decimals: own } = await patiently(() => new ContractFacts(reader).token(address, signal));
    const at = `${field}.aggregators.${i}.address`;
    if (own === null) problems.push({ field: at, expected: "an aggregator", found: `no decimals() at ${address}` });
    else if (own !== decimals)
      problems.push({ field: `${field}.decimals`, expected: `${own}, as ${address} says`, found: `${decimals}` });
  }
  if (proxy === null) {
    notes.push(`${field}: without a proxy nobody can say whether its aggregators are still in force`);
    return problems;
  }
  const feed = await patiently(() => new ContractFacts(reader).feed(proxy, signal));
  if (feed === null)
    return [...problems, { field: `${field}.proxy`, expected: "a proxy with aggregator()", found: proxy }];
  const inForce = aggregators.findLast(({ toBlock }) => toBlock === null)?.address;
  if (feed.aggregator !== inForce)
    problems.push({
      field: `${field}.aggregators`,
      expected: `${feed.aggregator} as the last one, without toBlock: the proxy has it in force`,
      found: inForce ?? "none in force",
    });
  for (const [i, { address }] of aggregators.entries())
    if (!feed.phases.includes(address))
      problems.push({
        field: `${field}.aggregators.${i}.address`,
        expected: `one of the proxy's phases: ${feed.phases.join(", ")}`,
        found: address,
      });
  return problems;
}

/** A feed that moved on to another aggregator leaves days unpriced: said at the start, in time to name the new one. */
export async function warnOfFeeds(
  reader: ContractReader,
  programme: Programme,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const problems = await feedProblems(reader, programme, [], signal).catch((error: unknown) => {
    log.warn({ reason: (error as Error).message }, "the price feeds could not be compared with their proxies");
    return [];
  });
  for (const problem of problems) log.error(problem, "A PRICE FEED is not what the programme file says");
}
