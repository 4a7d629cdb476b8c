import type { Block } from "../core/chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { ChainPort } from "./chain-port.ts";

/** The node's block at a number. @throws NODE_BEHIND where it has none: that says nothing of a fork. */
export async function headerAt(
  chain: Pick<ChainPort, "blocksAt">,
  number: number,
  signal: AbortSignal,
): Promise<Block> {
  const [block] = await chain.blocksAt([number], signal);
  if (block != null) return block;
  throw new LpLedgerError("transient", "NODE_BEHIND", `the node does not have block ${number}`);
}
