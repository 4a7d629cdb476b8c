import { MessageChannel } from "node:worker_threads";
import type { FollowedChain } from "../../src/chain/followed-chain.ts";
import type { ChainMessage, ChainRequest } from "../../src/chain/thread/messages.ts";
import { RemoteChain } from "../../src/chain/thread/remote-chain.ts";
import { serveChain } from "../../src/chain/thread/serve-chain.ts";
import { portOf } from "../../src/runtime/message-port.ts";
import { testProgramme } from "./ledger.ts";

/**
 * A chain behind a real channel of messages, as it is behind a thread; `heard` and `told`: the kinds of all that came
 * from it and went to it.
 */
export function remote(make: () => FollowedChain) {
  const { port1, port2 } = new MessageChannel();
  serveChain(portOf(port2), make);
  const plan = { programme: testProgramme(), limits: new Map(), blocksMax: 1_000, clockDriftSec: 900 };
  const [heard, told]: [string[], string[]] = [[], []];
  port1.on("message", ({ kind }: ChainMessage) => heard.push(kind));
  port2.on("message", ({ kind }: ChainRequest) => told.push(kind));
  const chain = new RemoteChain(portOf(port1), plan, () => ({ chainId: 31337 }));
  return { chain, heard, told, close: () => port1.close() };
}
