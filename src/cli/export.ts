import { positionLines } from "../store/read.ts";
import { writeLines } from "./table.ts";
import { type CommonOptions, type Io, settingsOf, withReader } from "./wiring.ts";

/** Prints every open account as one JSON object a line, in canonical order. */
export async function exportPositions(io: Io, options: CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  await withReader(settings, async (store) => {
    writeLines(io.out, positionLines(store.db), (line) => `${JSON.stringify(line)}\n`);
  });
}
