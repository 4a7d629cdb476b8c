import type { Clock } from "../core/chain.ts";

const AGAIN_MS = 5_000;

/**
 * Calls `wake` whenever a node says over a WebSocket that there is a new head, until the signal aborts. Only a hint to
 * look now: what is true is asked over HTTP, and a socket that fails is opened again and never told of.
 */
export async function wakeOnNewHeads(url: string, wake: () => void, clock: Clock, signal: AbortSignal): Promise<void> {
  const { webSocket } = await import("viem");
  while (!signal.aborted) {
    try {
      const { value } = webSocket(url, { reconnect: false, retryCount: 0 })({});
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
        value
          ?.subscribe({ params: ["newHeads"], onData: wake, onError: reject })
          .then(({ unsubscribe }) => {
            wake(); // A head may have come while nobody listened.
            signal.addEventListener("abort", () => void unsubscribe().catch(() => {}), { once: true });
          })
          .catch(reject);
      });
      (await value?.getRpcClient())?.close();
    } catch {
      // Its errors hold the URL, and nothing depends on it.
    }
    await clock.sleep(AGAIN_MS, signal).catch(() => {});
  }
}
