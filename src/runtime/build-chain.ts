import type { EndpointListener, Expected } from "../chain/endpoint.ts";
import { FollowedChain } from "../chain/followed-chain.ts";
import { RANGE_LIMITS } from "../chain/ranges.ts";
import type { Fetch } from "../chain/rpc/body.ts";
import { Rpc } from "../chain/rpc/rpc.ts";
import type { ChainPlan } from "../chain/thread/messages.ts";
import { blockLogsDigest, sha256, systemClock } from "./platform.ts";

/** What of the settings belongs to the nodes. */
export interface NodeSettings {
  readonly endpoints: readonly { readonly id: string; readonly url: string }[];
  readonly rpcTimeoutMs: number;
  readonly rpcBodyBytesMax: number;
}

/** The endpoints in order of preference. */
export function endpointsOf({ endpoints, rpcTimeoutMs, rpcBodyBytesMax }: NodeSettings, fetch: Fetch): readonly Rpc[] {
  const common = { fetch, clock: systemClock, timeoutMs: rpcTimeoutMs, bodyBytesMax: rpcBodyBytesMax };
  return endpoints.map(({ id, url }) => new Rpc({ id, origin: originOf(url), url, ...common }));
}

/** So little of a hash tells endpoints apart, and nothing of the keys in their URLs. */
const ORIGIN_DIGITS = 8;

function originOf(url: string): string {
  return sha256(url).slice(0, ORIGIN_DIGITS);
}

/** The chain of a plan behind these endpoints; without `expected` they need only serve the programme's chain. */
export function followedChain(
  rpcs: readonly Rpc[],
  { programme, limits, blocksMax, clockDriftSec }: ChainPlan,
  told: EndpointListener = {},
  expected?: () => Expected,
): FollowedChain {
  return new FollowedChain(rpcs, programme, {
    ...told,
    ...(expected === undefined ? {} : { expected }),
    clock: systemClock,
    random: Math.random,
    limits: { ...RANGE_LIMITS, blocksMax },
    contentOf: blockLogsDigest,
    clockDriftSec,
    limitsOf: (origin) => limits.get(origin),
  });
}
