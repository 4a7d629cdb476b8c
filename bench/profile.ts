import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { measureDaemon } from "./backfill.ts";
import type { ChainOptions } from "./chain.ts";
import { Served } from "./served.ts";
import type { Manners } from "./server.ts";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 40;

/**
 * One run under V8's sampling profiler. @returns where the time went, by function: own time only, the greatest first.
 */
export async function profileDaemon(options: ChainOptions, manners: Manners) {
  const served = await Served.begin(options, manners);
  try {
    const folder = join(served.folder, "profile");
    const measured = await measureDaemon(served, false, {}, ["--cpu-prof", `--cpu-prof-dir=${folder}`]);
    const spent = new Map<string, number>();
    const whole = new Map<string, number>();
    for (const name of readdirSync(folder)) {
      const profile = JSON.parse(readFileSync(join(folder, name), "utf8")) as Profile;
      const thread = name.split(".")[4] ?? ""; // CPU.<day>.<time>.<process>.<thread>...
      const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
      profile.samples.forEach((id, i) => {
        const us = profile.timeDeltas[i] ?? 0;
        const at = names.get(id) ?? "";
        const key = `${thread} ${at}`;
        whole.set(thread, (whole.get(thread) ?? 0) + us);
        spent.set(key, (spent.get(key) ?? 0) + us);
      });
    }
    process.stderr.write(`${measured.seconds.toFixed(1)} s under the profiler, ${measured.cpuSeconds} CPU s\n`);
    return [...spent]
      .sort(([, a], [, b]) => b - a)
      .slice(0, SHOWN)
      .map(([key, us]) => {
        const [thread = "", ...where] = key.split(" ");
        const percent = Number(((100 * us) / (whole.get(thread) ?? us)).toFixed(1));
        return { thread, where: where.join(" "), ms: Math.round(us / 1000), percent };
      });
  } finally {
    served.end();
  }
}

function nameOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const file = url.replace(/^.*\/(dist\/|node_modules\/)/, "$1");
  return `${functionName === "" ? "(anonymous)" : functionName}${file === "" ? "" : ` ${file}:${lineNumber + 1}`}`;
}
