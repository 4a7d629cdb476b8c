import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../demo/daemon.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { DayRevaluation } from "../../src/ledger/revalue-days.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder, testProgramme } from "../support/ledger.ts";
import { PAIR, TOKENS, worldProgramme } from "../support/world.ts";

const PRICES = { [TOKENS[0]]: { imported: true }, [TOKENS[1]]: { pool: PAIR } };

/** A ledger of a week whose first token is priced by import alone, and a folder to run commands in. */
async function unpriced() {
  const folder = temporaryFolder();
  const path = join(folder, "ledger.sqlite");
  const chain = new FakeChain({ secondsPerBlock: 9000 });
  chain.grow(60, 5);
  const programme = testProgramme({ prices: PRICES });
  const ledger = new TestLedger(chain.fetch, { path, programme });
  await ledger.settle();
  writeFileSync(join(folder, "programme.json"), JSON.stringify({ ...worldProgramme(), finality: {}, prices: PRICES }));
  const place = {
    rpcUrl: "http://127.0.0.1:1/",
    database: path,
    programme: join(folder, "programme.json"),
    logFile: join(folder, "log"),
  };
  const days = ledger.store.db.prepare("select date from days order by date").pluck().all() as string[];
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return { ledger, programme, place, days, file, run: (...args: string[]) => runCommand(place, args) };
}

const csv = (rows: readonly string[]): string => ["token,date,price", ...rows].join("\n");

describe("a price that is brought in", () => {
  it("values the days that waited for it, in one step, and those of tokens that rest on it", async () => {
    const { ledger, programme, days, file, run } = await unpriced();
    expect(days.length).toBeGreaterThan(4);
    const missing = JSON.parse((await run("prices", "missing", "--json")).out) as { token: string; date: string }[];
    expect(new Set(missing.map(({ token }) => token))).toEqual(new Set(TOKENS));
    const late = new DayRevaluation(ledger.store);
    late.tick(programme);
    const nulls = "select count(*) from daily_balances where liquidity_amount is null";
    const before = ledger.store.db.prepare(nulls).pluck().get();
    expect(before).toBeGreaterThan(10);
    // All days but the last.
    const some = days.slice(0, -1).map((day, i) => `${TOKENS[0]},${day},1.${i}`);
    const imported = await run("prices", "import", file("some.csv", csv(some)));
    expect([imported.code, imported.out]).toEqual([0, `${some.length} prices added, 0 were there already\n`]);
    late.tick(programme);
    const left = ledger.store.db
      .prepare("select distinct date from daily_balances where liquidity_amount is null")
      .pluck()
      .all();
    expect(left).toEqual(days.slice(-1));
    expect((await run("prices", "missing")).out).toContain(`${days.at(-1)}  ${TOKENS[0]}`);
    // The same once more is nothing new; the last day comes as JSON.
    expect((await run("prices", "import", file("some.csv", csv(some)))).out).toContain(
      `0 prices added, ${some.length} were`,
    );
    const last = [{ token: TOKENS[0], date: days.at(-1), price: "3" }];
    expect((await run("prices", "import", file("last.json", JSON.stringify(last)))).code).toBe(0);
    late.tick(programme);
    expect(ledger.store.db.prepare(nulls).pluck().get()).toBe(0);
    expect((await run("prices", "missing")).err).toContain("no price is missing");
    // What came late is what it would have been in time: a rebuild closes every day with all prices at hand.
    const dump = ledger.dump();
    ledger.store.write(() => rebuild(ledger.store, programme, sha256));
    expect(ledger.dump()).toBe(dump);
    const sources = ledger.store.db.prepare("select distinct source from token_prices order by 1").pluck().all();
    expect(sources).toEqual(["import last.json", "import some.csv", `pool ${PAIR}`]);
  });

  it("changes no price that is there, and is refused whole with every mistake named", async () => {
    const { ledger, days, file, run } = await unpriced();
    const [day] = days;
    expect((await run("prices", "import", file("one.csv", csv([`${TOKENS[0]},${day},1.5`])))).code).toBe(0);
    const changed = await run(
      "prices",
      "import",
      file("two.csv", csv([`${TOKENS[0]},${day},1.6`, `${TOKENS[0]},${days[1]},1`])),
    );
    expect(changed.code).toBe(78);
    expect(changed.err).toContain("line 2.price: expected the price that was imported before");
    const wrong = csv([`${TOKENS[1]},${day},1`, "0x12,2026-02-30,-1", `${TOKENS[0]},${day},0`]);
    const refused = await run("prices", "import", file("wrong.csv", wrong));
    expect(refused.code).toBe(78);
    for (const each of ["line 2.token", "line 3.token", "line 3.date", "line 3.price", "line 4.price"])
      expect(refused.err).toContain(each);
    const float = await run(
      "prices",
      "import",
      file("float.json", JSON.stringify([{ token: TOKENS[0], date: day, price: 1.5, note: 1 }])),
    );
    expect(float.err).toContain("row 1.price: expected decimal text");
    expect(float.err).toContain("row 1.note: expected no such key");
    const thousands = await run("prices", "import", file("thousands.csv", csv([`${TOKENS[0]},${days[2]},1,050.00`])));
    expect(thousands.err).toContain("line 2: expected 3 cells, found 4");
    const twice = await run(
      "prices",
      "import",
      file("twice.csv", csv([`${TOKENS[0]},${days[2]},3`, `${TOKENS[0]},${days[2]},4`])),
    );
    expect(twice.err).toContain("line 3.price: expected one price for");
    expect((await run("prices", "import", file("no.csv", "a,b\n"))).err).toContain("the heading token,date,price");
    expect(ledger.store.db.prepare("select count(*) from imported_prices").pluck().get()).toBe(1);
  });
});
