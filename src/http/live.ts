import type { Context } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { Clock } from "../core/chain.ts";
import { pulseOf } from "../store/queries/lists.ts";
import type { Store } from "../store/store.ts";
import { asOf, problem } from "./answer.ts";

const PULSE_MS = 500;
/** So many quiet pulses, and a beat tells a silent line from a broken one. */
const BEAT_PULSES = 30;

interface Live {
  readonly store: Store;
  readonly clock: Clock;
  readonly streamsMax: number;
  snapshot<T>(run: () => T): T;
  /** How many streams are open. */
  readonly counts: { streams: number };
}

/** A stream of what happens to the ledger: commits, reorgs, days. */
export function live(of: Live): (c: Context) => Response {
  const { counts, streamsMax } = of;
  return (c) => {
    if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": "text/event-stream" } });
    if (counts.streams >= streamsMax)
      return problem(503, "Too many streams", `${streamsMax} streams are open`, { "retry-after": "5" });
    counts.streams += 1;
    return streamSSE(c, async (stream) => {
      try {
        await tell(stream, of);
      } finally {
        counts.streams -= 1;
      }
    });
  };
}

async function tell(stream: SSEStreamingApi, { store, clock, snapshot }: Live): Promise<void> {
  const ended = new AbortController();
  stream.onAbort(() => ended.abort());
  let known = snapshot(() => pulseOf(store.db));
  await stream.writeSSE({ event: "hello", data: JSON.stringify({ block: snapshot(() => asOf(store)) }) });
  for (let quiet = 0; !ended.signal.aborted; quiet++) {
    await clock.sleep(PULSE_MS, ended.signal).catch(() => {});
    if (ended.signal.aborted) break;
    const now = snapshot(() => pulseOf(store.db));
    const events = [
      ...(now.reorgs !== known.reorgs ? ["reorg"] : []),
      ...(now.hash !== known.hash ? ["commit"] : []),
      ...(now.lastDay !== known.lastDay ? ["day"] : []),
    ];
    known = now;
    if (events.length > 0) quiet = 0;
    for (const event of events) {
      const data = JSON.stringify({ block: snapshot(() => asOf(store)), day: now.lastDay });
      await stream.writeSSE({ event, data });
    }
    if (quiet >= BEAT_PULSES) {
      quiet = 0;
      await stream.writeSSE({ event: "beat", data: "{}" });
    }
  }
}
