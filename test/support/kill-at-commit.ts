import type { Programme } from "../../src/core/programme/programme.ts";
import { converge } from "../../src/daemon/converge.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { sha256, systemClock } from "../../src/runtime/platform.ts";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { Store } from "../../src/store/store.ts";
import { chainPort } from "./port.ts";

// Follows the chain in ranges of a few blocks, and kills its own process with SIGKILL right after the first commit.
// Ends with 0 once there is nothing left to commit.
const { RUN_URL: url = "", RUN_DATABASE: path = "", RUN_STAGE: stage = "" } = process.env;
const programme = JSON.parse(stage, (key, value) => {
  if (key === "prices") return new Map(value as [string, unknown][]);
  return typeof value === "string" && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}) as Programme;
const opened = openForWriting(path);
const store = new Store(opened.db, systemClock);
if (store.config.get("programme") === undefined) store.write(() => adoptProgramme(store, programme, sha256));
const keeper = new Bookkeeper(store, programme, sha256);
const chain = chainPort((_url, init) => fetch(url, init), programme, { blocksStart: 6, blocksMax: 6 });
await converge(keeper, chain, new AbortController().signal, {
  onCommit: () => process.kill(process.pid, "SIGKILL"),
});
opened.close();
