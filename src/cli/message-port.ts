import type { MessagePort, Worker } from "node:worker_threads";
import type { Port } from "../chain/messages.ts";

/** A thread, or the thread that began it, as one end of the messages about a chain. */
export function portOf(end: Worker | MessagePort): Port {
  return {
    postMessage: (message, handed = []) => end.postMessage(message, [...handed]),
    listen: (listener) => {
      end.on("message", listener);
      return () => end.off("message", listener);
    },
  };
}
