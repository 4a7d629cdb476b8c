import { readFileSync } from "node:fs";
import type { Place } from "../../demo/daemon.ts";

/** Where a daemon says that it answers. */
export async function urlOf({ logFile }: Place): Promise<string> {
  for (let i = 0; i < 500; i++) {
    const url = /"url":"(http:[^"]+)"/.exec(readFileSync(logFile, { encoding: "utf8", flag: "a+" }))?.[1];
    if (url !== undefined) return url;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the daemon does not say where it listens");
}
