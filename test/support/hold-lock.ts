import { openForWriting } from "../../src/store/lifecycle/open.ts";

// Holds the writer's lock of the database named on the command line until it is killed.
const opened = openForWriting(process.argv[2] ?? "");
process.stdout.write("held\n");
// A connection that nobody refers to is closed when garbage is collected, and its lock with it.
setInterval(() => opened.db.open, 60_000);
