import { parentPort } from "node:worker_threads";
import { serveChain } from "../chain/thread/serve-chain.ts";
import { invariant } from "../core/errors.ts";
import { endpointsOf, followedChain, type NodeSettings } from "./build-chain.ts";
import { postOverHttp } from "./http-post.ts";
import { portOf } from "./message-port.ts";

// The thread that speaks with the nodes: what it is told first are the settings that belong to them.
const port = parentPort;
invariant(port !== null, "UNREACHABLE", "this is begun as a thread");
port.once("message", (settings: NodeSettings) => {
  const rpcs = endpointsOf(settings, postOverHttp);
  serveChain(portOf(port), (plan, expected, told) => followedChain(rpcs, plan, told, expected));
});
