import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { run } from "../../src/daemon/run.ts";
import { operatorSettings, readSettings } from "../../src/settings.ts";
import { commandLine } from "../support/command-line.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { TestLedger, temporaryFolder } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";

let ledger: TestLedger;
let chain: FakeChain;
let path: string;
let lpLedger: ReturnType<typeof commandLine>;

beforeEach(async () => {
  chain = new FakeChain({ secondsPerBlock: 4000 });
  chain.grow(20, 5);
  path = join(temporaryFolder(), "ledger.sqlite");
  ledger = new TestLedger(chain.fetch, { path });
  await ledger.settle();
  lpLedger = commandLine(path);
});

describe("lp-ledger config", () => {
  it("keeps, shows and forgets a setting, and says where each value comes from", async () => {
    expect((await lpLedger(["config", "get", "backup_keep"])).out).toBe("10\n");
    const set = await lpLedger(["config", "set", "backup_keep", "3", "--json"]);
    expect(JSON.parse(set.out)).toMatchObject({ key: "backup_keep", value: 3, source: "ledger" });
    const list = JSON.parse((await lpLedger(["config", "list", "--json"])).out) as { key: string; source: string }[];
    expect(list.find((entry) => entry.key === "backup_keep")?.source).toBe("ledger");
    expect(list.find((entry) => entry.key === "poll_interval_ms")?.source).toBe("default");
    expect(list.find((entry) => entry.key === "last_processed_block")).toMatchObject({
      value: chain.head.number,
      source: "state",
    });
    const environment = { BACKUP_KEEP: "7" };
    expect((await lpLedger(["config", "get", "backup_keep"], environment)).out).toBe("7\n");
    expect((await lpLedger(["config", "set", "backup_keep", "4"], environment)).talk).toMatch(/environment.*wins/);
    expect((await lpLedger(["config", "unset", "backup_keep"])).out).toMatch(/backup_keep +10 +default/);
  });

  it("refuses what is not an operator's, or not a value it may have, and changes nothing", async () => {
    const wrong: [string[], RegExp][] = [
      [["config", "set", "last_processed_block", "5"], /there is no setting "last_processed_block" .*\n.*backup_keep/],
      [
        ["config", "set", "backup_keep", "0"],
        /backup_keep: expected backups, a whole number from 1 to 10000, found "0"/,
      ],
      [["config", "set", "backup_keep", "ten"], /found "ten"/],
      [["config", "unset", "final_block"], /there is no setting "final_block"/],
      [["config", "get", "nothing"], /there is no key "nothing"/],
    ];
    const before = ledger.store.config.all();
    for (const [argv, message] of wrong) {
      const { code, talk } = await lpLedger(argv);
      expect([argv.join(" "), code === 64 || code === 78]).toEqual([argv.join(" "), true]);
      expect(talk).toMatch(message);
    }
    expect(ledger.store.config.all()).toEqual(before);
  });

  it("is never stale: after a write, an undo, or another process's change, the running daemon sees it", async () => {
    const settings = readSettings({ env: { DATABASE: path }, cwd: "/" });
    const now = () => operatorSettings(settings, (key) => ledger.store.config.operator(key)).pollIntervalMs;
    const slept: number[] = [];
    const stop = new AbortController();
    const clock = {
      ...stillClock,
      sleep: async (ms: number) => {
        slept.push(ms);
        if (slept.length === 1) await lpLedger(["config", "set", "poll_interval_ms", "777"]);
        if (slept.length === 2) {
          chain.reorg(chain.head.number - 2, 4, 9);
          await lpLedger(["config", "set", "poll_interval_ms", "778"]);
        }
        if (slept.length === 4) stop.abort();
      },
    };
    await run(ledger.keeper, ledger.chain, clock, stop.signal, {
      pollIntervalMs: now,
      giveUpMs: () => 10_000,
      once: false,
    });
    expect(slept).toEqual([2000, 777, 778, 778]);
    expect(ledger.store.db.prepare("select count(*) from reorgs").pluck().get()).toBe(1);
    expect(ledger.store.config.get("last_processed_block")).toBe(chain.head.number);
  });

  it("kept by hand in the wrong form is told, not believed", async () => {
    ledger.store.write(() => ledger.store.config.setOperator("backup_keep", -5, ledger.store.nowIso()));
    const { code, talk } = await lpLedger(["config", "list"]);
    expect([code, talk]).toEqual([78, expect.stringMatching(/backup_keep: expected backups.*found "-5"/)]);
  });
});
