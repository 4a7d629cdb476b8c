import type { MessagePort, Worker } from "node:worker_threads";
import type { Port } from "../chain/thread/messages.ts";

/**
 * A thread, or the thread that began it, as one end of the messages about a chain. Each message has a turn of the event
 * loop of its own: Node hands on up to a thousand in one turn, and while each of them begins a commit no signal would
 * be received, no timer would fire and no garbage be collected on time.
 */
export function portOf(end: Worker | MessagePort): Port {
  return {
    postMessage: (message, handed = []) => end.postMessage(message, [...handed]),
    listen: (listener) => {
      const waiting: unknown[] = [];
      let listening = true;
      const next = (): void => {
        if (!listening) return;
        listener(waiting.shift());
        if (waiting.length > 0) setImmediate(next);
      };
      const later = (message: unknown): void => {
        if (waiting.push(message) === 1) setImmediate(next);
      };
      end.on("message", later);
      return () => {
        listening = false;
        end.off("message", later);
      };
    },
  };
}
