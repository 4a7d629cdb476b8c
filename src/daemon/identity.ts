import { LpLedgerError } from "../core/errors.ts";
import type { Bookkeeper } from "../ledger/bookkeeper.ts";
import type { ChainPort } from "./chain-port.ts";

/**
 * Makes sure that the node serves the chain of the programme and of the database: chain id and genesis hash, asked at
 * start and after every lost connection. The first start stores them.
 */
export async function requireChain(keeper: Bookkeeper, chain: ChainPort, signal: AbortSignal): Promise<void> {
  const { store, programme } = keeper;
  const seen = await chain.identity(signal);
  if (seen.chainId !== programme.chainId) {
    throw new LpLedgerError(
      "usage",
      "WRONG_CHAIN",
      `the node serves chain ${seen.chainId}, the programme file names chain ${programme.chainId}`,
      { hint: "point RPC_URL at a node of the right chain, or use the programme file of this one" },
    );
  }
  const known = store.config.get("chain");
  if (known === undefined) {
    store.write(() => store.config.set("chain", seen, store.nowIso()));
    return;
  }
  if (known.chainId === seen.chainId && known.genesisHash === seen.genesisHash) return;
  throw new LpLedgerError(
    "usage",
    "WRONG_CHAIN",
    `the database follows chain ${known.chainId} from genesis ${known.genesisHash}, the node serves chain ${seen.chainId} from genesis ${seen.genesisHash}`,
    {
      hint:
        "this is another chain, or a local development chain that was reset: point RPC_URL at the first one, " +
        "or start with a new DATABASE (for a development chain remove the old file)",
    },
  );
}
