import Database from "better-sqlite3";
import { parseProgramme } from "../../src/config.ts";
import { converge } from "../../src/daemon/converge.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { Store } from "../../src/store/store.ts";
import { FakeChain } from "./fake-chain.ts";
import { chainPort, stillClock } from "./port.ts";
import { worldProgramme } from "./world.ts";

// Repairs a reorg in one commit, and kills its own process with SIGKILL right before the Nth statement that writes.
const [, , path = "", nth = ""] = process.argv;
const chain = new FakeChain({ secondsPerBlock: 20_000 });
chain.grow(14, 5);
chain.reorg(12, 4, 6);
const programme = parseProgramme(worldProgramme(), "the test's programme");
const opened = openForWriting(path);
const keeper = new Bookkeeper(new Store(opened.db, stillClock), programme, sha256);
let left = Number(nth);
const statement = Object.getPrototypeOf(new Database(":memory:").prepare("select 1")) as {
  run(...args: unknown[]): unknown;
};
const { run } = statement;
statement.run = function counted(this: unknown, ...args: unknown[]) {
  if (--left === 0) process.kill(process.pid, "SIGKILL");
  return run.apply(this, args);
};
await converge(keeper, chainPort(chain.fetch, programme), new AbortController().signal);
opened.close();
