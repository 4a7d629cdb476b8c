import { readSettings } from "../config.ts";
import { positionLines } from "../store/read.ts";
import { type CommonOptions, type Io, withReader } from "./wiring.ts";

const LINES_PER_WRITE = 500;

/** Prints every open account as one JSON object a line, in canonical order. */
export async function exportPositions(io: Io, options: CommonOptions): Promise<void> {
  const settings = readSettings({ env: io.env, cwd: io.cwd, envFile: options.envFile });
  await withReader(settings, async (store) => {
    let lines: string[] = [];
    for (const line of positionLines(store.db)) {
      lines.push(`${JSON.stringify(line)}\n`);
      if (lines.length < LINES_PER_WRITE) continue;
      io.out(lines.join(""));
      lines = [];
    }
    io.out(lines.join(""));
  });
}
