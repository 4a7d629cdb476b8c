import { parentPort, workerData } from "node:worker_threads";
import { FollowedChain } from "../chain/followed-chain.ts";
import { RANGE_LIMITS } from "../chain/ranges.ts";
import { Rpc } from "../chain/rpc.ts";
import { serveChain } from "../chain/serve-chain.ts";
import { postOverHttp } from "./http-post.ts";
import { blockContent, systemClock } from "./platform.ts";

/** What the chain's thread is started with. */
export interface ChainWorkerData {
  readonly endpoints: readonly { readonly id: string; readonly url: string }[];
  readonly timeoutMs: number;
  readonly bodyBytesMax: number;
}

const { endpoints, timeoutMs, bodyBytesMax } = workerData as ChainWorkerData;
const rpcs = endpoints.map(
  ({ id, url }) => new Rpc({ id, url, fetch: postOverHttp, clock: systemClock, timeoutMs, bodyBytesMax }),
);
serveChain(
  {
    postMessage: (message, handed = []) => parentPort?.postMessage(message, [...handed]),
    listen: (listener) => {
      parentPort?.on("message", listener);
      return () => parentPort?.off("message", listener);
    },
  },
  ({ programme, caps, blocksMax }, expected, told) =>
    new FollowedChain(rpcs, programme, {
      ...told,
      clock: systemClock,
      random: Math.random,
      limits: { ...RANGE_LIMITS, blocksMax },
      capOf: (id) => caps.get(id),
      expected,
      contentOf: blockContent,
    }),
  blockContent,
);
