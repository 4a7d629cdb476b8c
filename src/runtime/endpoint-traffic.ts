import type { EndpointHealth } from "../chain/endpoint-health.ts";
import type { Rpc } from "../chain/rpc/rpc.ts";

/** What was asked of an endpoint so far, for /metrics and the last line of the log. */
export interface Traffic {
  readonly id: string;
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
}

/** By endpoint: what this thread asked, and what the chain's thread did. */
export function trafficOf(rpcs: readonly Rpc[], elsewhere: readonly EndpointHealth[]): readonly Traffic[] {
  return rpcs.map(({ id, requests, failures, waitedMs }) => {
    const other = elsewhere.find((each) => each.id === id);
    return {
      id,
      requests: requests + (other?.requests ?? 0),
      failures: failures + (other?.failures ?? 0),
      seconds: (waitedMs + (other?.waitedMs ?? 0)) / 1000,
    };
  });
}
