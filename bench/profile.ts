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

/** One run under V8's sampling profiler. @returns where the time went, by function: own time only, the greatest first. */
export async function profileDaemon(options: ChainOptions, manners: Manners) {
  const served = await Served.begin(options, manners);
  try {
    const folder = join(served.folder, "profile");
    const measured = await measureDaemon(served, false, {}, ["--cpu-prof", `--cpu-prof-dir=${folder}`]);
    const spent = new Map<string, number>();
    let whole = 0;
    for (const name of readdirSync(folder)) {
      const profile = JSON.parse(readFileSync(join(folder, name), "utf8")) as Profile;
      const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
      profile.samples.forEach((id, i) => {
        const us = profile.timeDeltas[i] ?? 0;
        const at = names.get(id) ?? "";
        whole += us;
        spent.set(at, (spent.get(at) ?? 0) + us);
      });
    }
    process.stderr.write(`${measured.seconds.toFixed(1)} s under the profiler, ${measured.cpuSeconds} CPU s\n`);
    return [...spent]
      .sort(([, a], [, b]) => b - a)
      .slice(0, SHOWN)
      .map(([where, us]) => ({
        where,
        ms: Math.round(us / 1000),
        percent: Number(((100 * us) / whole).toFixed(1)),
      }));
  } finally {
    served.end();
  }
}

function nameOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const file = url.replace(/^.*\/(dist\/|node_modules\/)/, "$1");
  return `${functionName === "" ? "(anonymous)" : functionName}${file === "" ? "" : ` ${file}:${lineNumber + 1}`}`;
}
