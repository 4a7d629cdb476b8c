import type { Log } from "./chain.ts";
import type { Sha256 } from "./digest.ts";

/** Equal exactly when two readings of a block brought the same logs, byte for byte. Logs must be in log order. */
export function contentOf(sha256: Sha256, logs: readonly Log[]): string {
  const lines = logs.map(
    ({ address, topics, data, transactionHash, logIndex }) =>
      `${logIndex} ${transactionHash} ${address} ${topics.join(",")} ${data}`,
  );
  return sha256(lines.join("\n")).slice(0, 32);
}
