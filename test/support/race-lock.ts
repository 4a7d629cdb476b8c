import { createInterface } from "node:readline";
import type { LpLedgerError } from "../../src/core/errors.ts";
import { type OpenDatabase, openForWriting } from "../../src/store/lifecycle/open.ts";

// Takes and gives back the writer's lock on the word of another process, and says how it went.
const path = process.argv[2] ?? "";
let held: OpenDatabase | undefined;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "take") {
    try {
      held = openForWriting(path);
      say("held");
    } catch (error) {
      say((error as LpLedgerError).code);
    }
    return;
  }
  held?.close();
  held = undefined;
  say("released");
});
say("ready");
