import { openForWriting } from "../../src/store/open.ts";

// Holds the writer's lock of the database named on the command line until it is killed.
openForWriting(process.argv[2] ?? "");
process.stdout.write("held\n");
setInterval(() => {}, 60_000);
