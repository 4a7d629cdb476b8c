import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { parseProgramme } from "../../src/config.ts";
import { converge } from "../../src/daemon/converge.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme } from "../../src/ledger/compare-programme.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { openForWriting } from "../../src/store/lifecycle/open.ts";
import { Store } from "../../src/store/store.ts";
import { FakeChain } from "./fake-chain.ts";
import { chainPort, stillClock } from "./port.ts";
import { worldProgramme } from "./world.ts";

// Writes a filled ledger of this build's schema to test/fixtures: run once at each release, never again for the same
// schema.
const folder = mkdtempSync(join(tmpdir(), "lp-ledger-fixture-"));
const path = join(folder, "ledger.sqlite");
const opened = openForWriting(path);
const programme = parseProgramme(worldProgramme(), "the test's programme");
const store = new Store(opened.db, stillClock);
store.write(() => adoptProgramme(store, programme, sha256));
const chain = new FakeChain({ secondsPerBlock: 20_000 });
chain.grow(14, 5);
const port = chainPort(chain.fetch, programme);
for (let i = 0; i < 3; i++)
  await converge(new Bookkeeper(store, programme, sha256), port, new AbortController().signal, {});
const schema = opened.db.pragma("user_version", { simple: true });
opened.db.pragma("journal_mode = delete");
opened.close();
const target = fileURLToPath(new URL(`../fixtures/schema-${schema}.sqlite.gz`, import.meta.url));
writeFileSync(target, gzipSync(readFileSync(path), { level: 9 }));
rmSync(folder, { recursive: true });
process.stdout.write(`${target}\n`);
