import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseProgramme } from "../../src/config.ts";
import { run } from "../../src/daemon/run.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { problemsOf } from "../../src/store/lifecycle/inspect.ts";
import { openForReading, openForWriting } from "../../src/store/lifecycle/open.ts";
import { Store } from "../../src/store/store.ts";
import { dumpOf } from "./dump.ts";
import { FakeChain } from "./fake-chain.ts";
import { chainPort, stillClock } from "./port.ts";
import { refusals } from "./refusal.ts";
import { worldProgramme } from "./world.ts";

// On a small file system of its own: follows a chain until the disk is full, makes room, goes on to the head, and then
// meets the same file system read-only. Prints what it saw as one JSON object.
const [, , folder = ""] = process.argv;
const path = join(folder, "ledger.sqlite");
const ballast = join(folder, "ballast");
const chain = new FakeChain({ secondsPerBlock: 4000 });
chain.grow(150, 5);
const programme = parseProgramme(worldProgramme(), "the test's programme");
const opened = openForWriting(path);
const store = new Store(opened.db, stillClock);
store.write(() => adoptProgramme(store, programme, sha256));
const { bavail, bsize } = statfsSync(folder);
writeFileSync(ballast, Buffer.alloc(bavail * bsize - 600_000, 1));

const codes = new Set<string>();
let tipWhenFull = 0;
let readWhenFull = "";
await run(
  new Bookkeeper(store, programme, sha256),
  chainPort(chain.fetch, programme, { blocksStart: 3, blocksMax: 3 }),
  stillClock,
  new AbortController().signal,
  {
    pollIntervalMs: () => 1,
    giveUpMs: () => 1,
    once: true,
    onRetry: (error) => {
      codes.add(error.code);
      if (codes.size > 1 || !existsSync(ballast)) return;
      tipWhenFull = store.blocks.tip()?.number ?? 0;
      const reader = openForReading(path);
      readWhenFull = `${problemsOf(reader.db, sha256).length} problems at block ${new Store(reader.db, stillClock).blocks.tip()?.number}`;
      reader.close();
      rmSync(ballast);
    },
  },
);
const dump = dumpOf(store);
opened.close();

spawnSync("mount", ["-o", "remount,ro", folder]);
const readOnly = refusals(path);
spawnSync("mount", ["-o", "remount,rw", folder]);
const files = readdirSync(folder).sort();
process.stdout.write(
  `${JSON.stringify({ codes: [...codes], tipWhenFull, readWhenFull, head: chain.head.number, dump, readOnly, files })}\n`,
);
