import { refusals } from "./refusal.ts";

// Opens a ledger as a user who may not write it, and prints what that fails with.
const [, , path = ""] = process.argv;
// Root may write anything: become somebody who may not.
if (process.getuid?.() === 0) process.setuid?.(65_534);
process.stdout.write(JSON.stringify(refusals(path)));
