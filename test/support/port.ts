import { FollowedChain } from "../../src/chain/followed-chain.ts";
import { RANGE_LIMITS, type RangeLimits } from "../../src/chain/ranges.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import type { Clock } from "../../src/core/chain.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { blockLogsDigest } from "../../src/runtime/platform.ts";

/** A clock that stands still and whose sleeps end at once: nothing in a test waits for time to pass. */
export const stillClock: Clock = {
  nowMs: () => 1_800_000_000_000,
  wallMs: () => 1_800_000_000_000,
  sleep: async (_ms, signal) => signal.throwIfAborted(),
  deadline: () => ({ signal: new AbortController().signal, clear: () => {} }),
};

/** A clock that moves only when somebody sleeps, or is told to. */
export class OwnClock implements Clock {
  ms = stillClock.nowMs();
  nowMs = (): number => this.ms;
  wallMs = (): number => this.ms;
  sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    this.ms += ms;
  };
  deadline = stillClock.deadline;
}

/** A chain served by any `fetch`. */
export function chainPort(fetch: Fetch, programme: Programme, limits: Partial<RangeLimits> = {}): FollowedChain {
  const url = "http://127.0.0.1:1/";
  const rpc = new Rpc({ id: "rpc-1", url, fetch, clock: stillClock, timeoutMs: 1000, bodyBytesMax: 2 ** 26 });
  return new FollowedChain([rpc], programme, {
    clock: stillClock,
    random: () => 0.5,
    contentOf: blockLogsDigest,
    limits: { ...RANGE_LIMITS, ...limits },
  });
}
