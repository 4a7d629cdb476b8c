import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Daemon, type Place } from "./daemon.ts";

const LISTEN_MS_MAX = 20_000;
const LOOK_EVERY_MS = 100;

/** Serves the dashboard of a finished demo until somebody presses Ctrl-C. @throws where it is not there in time */
export async function serveUntilInterrupted(place: Place, say: (text: string) => void): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
  const daemon = new Daemon({ ...place, more: { ...place.more, HTTP_PORT: "0", LOG_LEVEL: "info" } });
  daemon.start();
  try {
    say(`the dashboard is at ${await addressIn(place.logFile, daemon)}: Ctrl-C ends it`);
    await interrupted;
  } finally {
    await daemon.end("SIGTERM");
  }
}

/** Where the daemon says in its log that it listens. */
async function addressIn(logFile: string, daemon: Daemon): Promise<string> {
  for (let waitedMs = 0; waitedMs < LISTEN_MS_MAX && daemon.running; waitedMs += LOOK_EVERY_MS) {
    const url = /"url":"(http:[^"]+)"/.exec(readFileSync(logFile, "utf8"))?.[1];
    if (url !== undefined) return url;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`the daemon did not begin to listen: see ${logFile}`);
}
