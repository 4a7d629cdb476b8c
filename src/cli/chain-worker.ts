import { parentPort, workerData } from "node:worker_threads";
import { serveChain } from "../chain/serve-chain.ts";
import { invariant } from "../core/errors.ts";
import { endpointsOf, followedChain, type NodeSettings } from "./following.ts";
import { postOverHttp } from "./http-post.ts";
import { portOf } from "./message-port.ts";

// The thread that speaks with the nodes: begun by ChainThread, with the settings that belong to them.
invariant(parentPort !== null, "UNREACHABLE", "this is begun as a thread");
const rpcs = endpointsOf(workerData as NodeSettings, postOverHttp);
serveChain(portOf(parentPort), (plan, expected, told) => followedChain(rpcs, plan, told, expected));
