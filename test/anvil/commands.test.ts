import { existsSync, readFileSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { Anvil } from "../../demo/anvil.ts";
import { Daemon, type Place, runCommand } from "../../demo/daemon.ts";
import { programmeOf } from "../../demo/stage.ts";
import { ContractFacts } from "../../src/chain/contracts/contract-facts.ts";
import { ContractReader } from "../../src/chain/contracts/contract-reader.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { toAddress } from "../../src/core/hex.ts";
import { liveChain, placeFor, START_SEC } from "../support/anvil.ts";
import { atEnd, TestLedger } from "../support/ledger.ts";
import { stillClock } from "../support/port.ts";
import { lyingProxy } from "../support/proxy.ts";

type Json = Record<string, unknown>;
type Entry = ProgrammeJson["pools"][number];
interface ProgrammeJson extends Json {
  pools: (Json & { tokens: Json[]; startBlock: number; address: string })[];
  prices: Json;
}

const live = liveChain(41, async (life) => {
  await life.prelude();
  for (let i = 0; i < 25; i++) await life.randomBlock(3000 + life.upTo(4000));
});

const programme = (): ProgrammeJson => programmeOf(live().stage) as ProgrammeJson;
const jsonOf = (text: string): Json => JSON.parse(text.trim().split("\n").at(-1) ?? "") as Json;
const status = async (place: Place): Promise<Json> => jsonOf((await runCommand(place, ["status", "--json"])).out);

describe("help", () => {
  it.each([[["--help"]], [["start", "--help"]], [["export", "--help"]], [["verify", "--help"]]])(
    "of %j goes to stdout with code 0",
    async (args) => {
      const { code, out, err } = await runCommand(placeFor(live()), args);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toContain("Usage: lp-ledger");
    },
  );

  it.each([
    [["fly"], /unknown command 'fly'/],
    [["start", "--fast"], /unknown option '--fast'/],
    [["verify", "--block", "soon"], /expected a block number, found "soon"/],
    [["export", "everything"], /there is no public table "everything"/],
    [["at"], /name either --block or --date/],
    [["at", "--date", "2026-02-30"], /expected a day as YYYY-MM-DD, found "2026-02-30"/],
    [["provider", "0x12"], /expected an address of 20 bytes/],
    [["days", "--csv", "--json"], /exclude each other/],
  ])("is pointed to after %j, with code 64 and nothing on stdout", async (args, message) => {
    const { code, out, err } = await runCommand(placeFor(live()), args as string[]);
    expect([code, out]).toEqual([64, ""]);
    expect(err).toMatch(message as RegExp);
  });
});

describe("check", () => {
  it("passes a programme file that is right", async () => {
    const { code, out } = await runCommand(placeFor(live()), ["check"]);
    expect(code).toBe(0);
    expect(out).toContain("chain 31337, 3 pools: all checks passed");
  });

  it("names everything that is wrong on the chain at once", async () => {
    const wrong = programme();
    const [pair, pool, other] = wrong.pools;
    if (pair === undefined || pool === undefined || other === undefined) throw new Error("three pools");
    pair.startBlock += 5;
    (pool.tokens[0] ?? {})["decimals"] = 6;
    (pair.tokens[0] ?? {})["decimals"] = 6;
    other.address = `0x${"12".repeat(20)}`;
    wrong.prices = {};
    pool["managers"] = [`0x${"34".repeat(20)}`];
    const { code, err } = await runCommand(placeFor(live(), { programme: wrong }), ["check"]);
    expect(code).toBe(78);
    expect(err).toMatch(/startBlock: expected a block not after the pool's creation/);
    expect(err).toMatch(/tokens\.0\.decimals: expected 18, found 6/);
    expect(err).toMatch(/no code at block/);
    expect(err).toMatch(/managers: expected contracts, found no code at 0x3434/);
  });

  it("names tokens that are not the pool's, and a chain that is not the programme's", async () => {
    const wrong = programme();
    const [pair] = wrong.pools;
    if (pair === undefined) throw new Error("a pair");
    wrong.prices = {};
    pair.tokens = [{ ...pair.tokens[0], address: `0x${"0".repeat(39)}2` }, { ...pair.tokens[1] }];
    const tokens = await runCommand(placeFor(live(), { programme: wrong }), ["check"]);
    expect(tokens.err).toMatch(/tokens\.0\.address: expected 0x[0-9a-f]{40}, found 0x0{39}2/);
    const chain = await runCommand(placeFor(live(), { programme: { ...programme(), chainId: 10 } }), ["check"]);
    expect([chain.code, chain.err.includes("chainId: expected 31337")]).toEqual([78, true]);
  });

  it("refuses what would pay the wrong people: another protocol, manager or wrapper, and tokens that say otherwise", async () => {
    const { stage } = live();
    const wrong = programme();
    const [pair, pool, other] = wrong.pools as [Entry, Entry, Entry];
    // A V3 pool named a V2 pair would be followed without one event.
    pair["protocol"] = "solidly";
    pool["protocol"] = "pancake-v3";
    other.startBlock = 1_000_000;
    const [token] = stage.tokens;
    const rewardToken = { symbol: "ABC", decimals: 6, budget: "1" };
    const file = {
      ...wrong,
      prices: Object.fromEntries(stage.tokens.map(({ address }) => [address, { fixed: "1" }])),
      wrappers: [{ kind: "staking-rewards", address: token.address, pool: stage.pair.address }],
      tiers: { levels: [{ week: 1, multiplierBp: 10_000 }] },
      schedule: { start: "2026-01-01", days: 2 },
      rewards: {
        tokens: [
          { address: token.address, ...rewardToken },
          { address: `0x${"56".repeat(20)}`, ...rewardToken },
        ],
        epochs: { days: 1 },
      },
    };
    const { code, err } = await runCommand(placeFor(live(), { programme: file }), ["check"]);
    expect(code).toBe(78);
    for (const part of [
      /protocol: expected a contract of solidly, which answers stable\(\); its contract answers as "uniswap-v2" does, or "0x[0-9a-f]{40} stable\(\)" in "confirmed"/,
      /protocol: expected a contract of pancake-v3, which answers lmPool\(\)/,
      /startBlock: expected a block that is there: the head is \d+, found 1000000/,
      /rewards\.tokens\.0\.decimals: expected 18, found 6/,
      /rewards\.tokens\.0\.symbol: expected "[^"]+", found "ABC"/,
      /rewards\.tokens\.1\.address: expected a token, found no code/,
      /wrappers\.0x[0-9a-f]{40}\.pool: expected a staking-rewards, which answers stakingToken\(\)/,
    ])
      expect(err).toMatch(part);
    const v2 = programme();
    const v3 = v2.pools[1] as Entry;
    v3["protocol"] = "uniswap-v2";
    delete v3["managers"];
    const mistaken = placeFor(live(), { programme: { ...v2, prices: {} } });
    const started = await runCommand(mistaken, ["start", "--once"]);
    expect(started.code).toBe(78);
    expect(started.err).toMatch(/protocol: expected "uniswap-v3", found uniswap-v2; its contract answers slot0\(\)/);
    const named = await runCommand(mistaken, ["check"]);
    expect(named.err).toMatch(/protocol: expected "uniswap-v3": its contract answers slot0\(\), found uniswap-v2/);
    const managed = programme();
    (managed.pools[1] as Entry)["managers"] = [stage.pair.address];
    const notOne = await runCommand(placeFor(live(), { programme: managed }), ["check"]);
    expect(notOne.err).toMatch(
      /managers: expected position managers of 0x[0-9a-f]{40}, found 0x[0-9a-f]{40}, which is one of/,
    );
    const nobody = programme();
    (nobody.pools[1] as Entry)["managers"] = [];
    const none = await runCommand(placeFor(live(), { programme: nobody }), ["check"]);
    expect([none.code, none.out]).toEqual([
      0,
      expect.stringMatching(/managers: none is named, so liquidity held as NFTs/),
    ]);
  });

  it("compares with the ledger that is there, as start would, and needs no node for that", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const away = { ...place, rpcUrl: "http://127.0.0.1:45671" };
    const same = await runCommand(away, ["check", "--offline"]);
    expect([same.code, same.out]).toEqual([0, expect.stringContaining("the chain was not asked")]);
    const changed = programme();
    changed.pools.pop();
    changed.prices = {};
    writeFileSync(place.programme, JSON.stringify(changed));
    const [checked, started] = [
      await runCommand(away, ["check", "--offline"]),
      await runCommand(place, ["start", "--once"]),
    ];
    expect([checked.code, started.code]).toEqual([78, 78]);
    for (const { err } of [checked, started]) expect(err).toContain("would change recorded history");
  });

  it("says what is missing without a node or a programme file", async () => {
    const place = placeFor(live());
    const noFile = await runCommand({ ...place, programme: `${place.programme}.none` }, ["check"]);
    expect([noFile.code, noFile.err.includes("programme.json.none")]).toEqual([78, true]);
    const noNode = await runCommand({ ...place, rpcUrl: "http://127.0.0.1:45671/v3/some-secret-key" }, ["check"]);
    expect(noNode.code).toBe(75);
    expect(noNode.err).toMatch(/the node rpc-1 could not be reached \(ECONNREFUSED\)/);
    expect(noNode.err).not.toContain("some-secret-key");
  });
});

describe("start", () => {
  it("talks in JSON lines on stderr, keeps stdout for results, and never shows the URL", async () => {
    const place = placeFor(live());
    const { code, out, err } = await runCommand({ ...place, rpcUrl: `${place.rpcUrl}/?apikey=secret-path-key` }, [
      "start",
      "--once",
    ]);
    expect([code, out]).toEqual([0, ""]);
    const lines = err
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Json);
    expect(lines.map((line) => line["msg"])).toEqual(expect.arrayContaining(["starting", "stopped"]));
    expect(err).not.toContain("secret-path-key");
  });

  it("follows live, ends gracefully on the first signal, and is the only writer", async () => {
    const place = placeFor(live());
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    const head = await live().anvil.head();
    await daemon.reaches(head, 20_000);
    for (const command of [["start", "--once"], ["rebuild"], ["optimize"]]) {
      const second = await runCommand(place, command);
      expect([second.code, second.err.includes("another lp-ledger process writes")]).toEqual([75, true]);
    }
    expect((await runCommand(place, ["status"])).code).toBe(0);
    expect(await daemon.end("SIGTERM")).toBe(0);
    expect(readFileSync(place.logFile, "utf8")).toContain("SIGTERM: ending after the commit in progress");
  });

  it("retries a node that is away, and gives up with code 75 after the time it was given", async () => {
    const place = placeFor(live(), { more: { GIVE_UP_SECONDS: "1" } });
    const { code, err } = await runCommand({ ...place, rpcUrl: "http://127.0.0.1:45671" }, ["start"]);
    expect(code).toBe(75);
    expect(err).toContain("nothing could be read for");
  });

  it("names a development chain that was reset, and touches nothing", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const before = await status(place);
    const other = await Anvil.start(START_SEC + 1);
    atEnd(() => void other.stop());
    const reset = await runCommand({ ...place, rpcUrl: other.url }, ["start", "--once"]);
    expect(reset.code).toBe(78);
    expect(reset.err).toMatch(/from genesis/);
    expect(reset.err).toMatch(/hint: .*development chain that was reset/);
    expect(await status(place)).toEqual(before);
  });
});

describe("what stands behind an address", () => {
  it("is said by its code and by what it answers, on a real chain", async () => {
    const { anvil, stage, fetch } = live();
    const rpc = new Rpc({
      id: "rpc-1",
      url: anvil.url,
      fetch,
      clock: stillClock,
      timeoutMs: 10_000,
      bodyBytesMax: 2 ** 24,
    });
    const [actor, other] = stage.actors as [string, string];
    await anvil.rpc("anvil_setCode", [other, `0xef0100${actor.slice(2)}`]);
    const asked = [actor, other, stage.minter.address, stage.pair.address].map(toAddress);
    const found = await new ContractFacts(new ContractReader(rpc)).behind(asked, new AbortController().signal);
    await anvil.rpc("anvil_setCode", [other, "0x"]);
    expect(found.map(({ kind, what }) => [kind, what])).toEqual([
      ["wallet", null],
      ["delegated", null],
      ["contract", null],
      ["contract", "a pool or a vault of one"],
    ]);
  });
});

describe("a node that leaves a log out", () => {
  const withoutDecreases = (): Promise<string> =>
    lyingProxy(live().anvil.url, (method, _params, result) => {
      if (method !== "eth_getLogs") return result;
      return (result as { topics: string[] }[]).filter((log) => !log.topics[0]?.startsWith("0x26f6a048"));
    });

  it("stops its pool alone, says so first, and has it back once the node tells all of it", async () => {
    const place = { ...placeFor(live()), rpcUrl: await withoutDecreases() };
    const { code, err } = await runCommand(place, ["start", "--once"]);
    expect([code, err.includes("A POOL IS IN QUARANTINE")]).toEqual([0, true]);
    const shown = await status(place);
    expect([shown["findings"], (shown["quarantines"] as unknown[]).length > 0]).toEqual([[], true]);
    expect((await runCommand(place, ["status"])).out).toMatch(
      /^QUARANTINE {6}pool 0x[0-9a-f]{40} since 2026-01-01, the prices of 0x[0-9a-f]{40} rest on it: V3-/,
    );
    const honest = { ...place, rpcUrl: live().anvil.url };
    expect((await runCommand(honest, ["verify"])).code).toBe(0); // What is in quarantine is not compared; all else is.
    const pools = (shown["quarantines"] as { pool: string }[]).map(({ pool }) => pool);
    expect((await runCommand(honest, ["pool", "refetch", ...pools, "--reason", "the node left logs out"])).code).toBe(
      0,
    );
    expect((await runCommand(honest, ["start", "--once"])).code).toBe(0);
    expect((await status(place))["quarantines"]).toEqual([]);
    const straight = new TestLedger(live().fetch, { programme: live().programme });
    await straight.settle();
    expect((await status(place))["stateDigest"]).toBe(straight.store.blocks.tip()?.stateDigest);
  });

  it("stops the daemon with code 70, a message that says where, and a finding that status shows", async () => {
    const place = { ...placeFor(live(), { more: { QUARANTINE: "0" } }), rpcUrl: await withoutDecreases() };
    const { code, err } = await runCommand(place, ["start"]);
    expect(code).toBe(70);
    expect(err).toMatch(
      /V3-9 does not hold for pool 0x[0-9a-f]{40} at block \d+ log \d+: .* while it holds liquidity; expected 0, actual \d+/,
    );
    const shown = await status(place);
    expect(shown["findings"]).toEqual([expect.objectContaining({ identity: "V3-9", expected: "0" })]);
    expect((await runCommand(place, ["status", "--max-age", "999999"])).code).toBe(70);
    expect((await runCommand({ ...place, rpcUrl: live().anvil.url }, ["start", "--once"])).code).toBe(0);
    expect((await status(place))["findings"]).toEqual([]);
    expect((await runCommand(place, ["status", "--max-age", "999999"])).code).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await runCommand(place, ["status", "--max-age", "0"])).code).toBe(75);
  });
});

describe("adding a pool later", () => {
  it("fetches only its history, and gives the ledger that followed all pools from the start", async () => {
    const whole = programme();
    const some = {
      ...whole,
      pools: whole.pools.slice(0, 1),
      prices: {
        ...whole.prices,
        [String(whole.pools[2]?.tokens[1]?.["address"])]: undefined,
        [String(whole.pools[0]?.tokens[0]?.["address"])]: { fixed: "1" },
      },
    };
    const place = placeFor(live(), { programme: JSON.parse(JSON.stringify(some)) as object });
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const events = (await status(place))["events"];
    writeFileSync(place.programme, JSON.stringify(whole));
    const refused = await runCommand(place, ["rebuild"]);
    expect([refused.code, refused.err.includes("pools or price feeds whose history is not in the ledger")]).toEqual([
      78,
      true,
    ]);
    const added = await runCommand(place, ["start", "--once"]);
    expect([added.code, added.err.includes("fetched and rebuilt")]).toEqual([0, true]);
    expect((await status(place))["events"]).toBeGreaterThan(Number(events));
    expect(existsSync(`${place.database}.adding`)).toBe(false);
    expect((await runCommand(place, ["verify"])).code).toBe(0);

    const straight = new TestLedger(live().fetch, { programme: live().programme });
    await straight.settle();
    const db = new Database(place.database, { readonly: true });
    const both = [db, straight.store.db].map((each) => each.prepare("select * from daily_balances").all());
    db.close();
    expect(both[0]).toEqual(both[1]);
    expect((await status(place))["stateDigest"]).toBe(straight.store.blocks.tip()?.stateDigest);
  });

  it("or fetching it again gives a pool another entry, and the ledger that had it from the start", async () => {
    const whole = programme();
    const unmanaged = whole.pools.map((each) => (each["managers"] === undefined ? each : { ...each, managers: [] }));
    const place = placeFor(live(), { programme: { ...whole, pools: unmanaged } });
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    writeFileSync(place.programme, JSON.stringify(whole));
    const refused = await runCommand(place, ["start", "--once"]);
    expect([refused.code, refused.err.includes("lp-ledger pool refetch POOL")]).toEqual([78, true]);
    const managed = whole.pools.filter((each) => each["managers"] !== undefined).map((each) => String(each["address"]));
    const ordered = await runCommand(place, ["pool", "refetch", ...managed, "--reason", "no managers were named"]);
    expect([ordered.code, ordered.err]).toEqual([0, ""]);
    const again = await runCommand(place, ["start", "--once"]);
    expect([again.code, again.err.includes("fetched and rebuilt")]).toEqual([0, true]);
    expect((await runCommand(place, ["verify"])).code).toBe(0);
    expect((await runCommand(place, ["rebuild"])).code).toBe(0);
    expect((await runCommand(place, ["audit", "list"])).out).toMatch(
      /was fetched again up to block \d+, and is another one/,
    );
    const straight = new TestLedger(live().fetch, { programme: live().programme });
    await straight.settle();
    expect((await status(place))["stateDigest"]).toBe(straight.store.blocks.tip()?.stateDigest);
  });

  it("also works for a pool that begins after the ledger's tip", async () => {
    const whole = programme();
    const late = { ...whole.pools[2], address: `0x${"56".repeat(20)}`, startBlock: 100_000 };
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    writeFileSync(place.programme, JSON.stringify({ ...whole, pools: [...whole.pools, late] }));
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    expect((await runCommand(place, ["rebuild"])).code).toBe(0);
    expect((await runCommand(place, ["verify"])).code).toBe(0); // What does not exist yet has nothing, and that is no difference.
    const birth = live().stage.startBlocks.pair;
    expect((await runCommand(place, ["verify", "--block", `${birth}`])).code).toBe(0);
  });

  it("goes on after a signal in the middle of it, with what it had", async () => {
    const whole = programme();
    const some = { ...whole, pools: whole.pools.slice(1), prices: {} };
    const place = placeFor(live(), { programme: some, more: { RANGE_BLOCKS_MAX: "1" } });
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    writeFileSync(place.programme, JSON.stringify({ ...whole, prices: {} }));
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start(["--once"]);
    const side = new Daemon({ ...place, database: `${place.database}.adding` });
    while (daemon.running && side.tip() === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(await daemon.end("SIGTERM")).toBe(75); // Before the head.
    const had = side.tip()?.number ?? 0;
    expect(had).toBeGreaterThan(0);
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    expect((await runCommand(place, ["verify"])).code).toBe(0);
    expect(existsSync(`${place.database}.adding`)).toBe(false);
  });

  it("and starting at all, refuse a pool that already existed before its start block, and let it be mended", async () => {
    const late = programme();
    for (const pool of late.pools) pool.startBlock += 12;
    const place = placeFor(live(), { programme: late });
    const refused = await runCommand(place, ["start", "--once"]);
    expect(refused.code).toBe(78);
    expect(refused.err.match(/when it already existed/g)?.length).toBe(3);
    writeFileSync(place.programme, JSON.stringify(programme()));
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    expect((await runCommand(place, ["verify"])).code).toBe(0);
  });

  it("is not a way to change recorded history", async () => {
    const whole = programme();
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    writeFileSync(place.programme, JSON.stringify({ ...whole, pools: whole.pools.slice(0, 2), prices: {} }));
    const gone = await runCommand(place, ["start", "--once"]);
    expect([gone.code, gone.err.includes("is gone")]).toEqual([78, true]);
  });
});

describe("rebuild", () => {
  it("takes up changed prices and leaves the state digest as it was", async () => {
    const whole = programme();
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const before = await status(place);
    const totals = (): unknown[] => {
      const db = new Database(place.database, { readonly: true });
      const rows = db
        .prepare(
          "select sum(total_liquidity) from provider_balances union all select sum(liquidity_amount) from daily_balances",
        )
        .pluck()
        .all();
      db.close();
      return rows;
    };
    const [balance, daily] = totals() as [number, number];
    const prices = JSON.parse(JSON.stringify(whole.prices).replace('"fixed":"1"', '"fixed":"3"')) as Json;
    writeFileSync(place.programme, JSON.stringify({ ...whole, prices }));
    const refused = await runCommand(place, ["start", "--once"]);
    expect([refused.code, refused.err.includes("run lp-ledger rebuild")]).toEqual([78, true]);
    const rebuilt = await runCommand(place, ["rebuild", "--json"]);
    expect([rebuilt.code, jsonOf(rebuilt.out)["stateDigest"]]).toEqual([0, before["stateDigest"]]);
    const [tripled, trebled] = totals() as [number, number];
    expect(Math.abs(tripled / balance - 3)).toBeLessThan(1e-6);
    expect(Math.abs(trebled / daily - 3)).toBeLessThan(1e-6);
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
  });

  it("fails, and changes nothing, when stored events were tampered with", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const db = new Database(place.database);
    db.exec(
      "update lp_events set liquidity_delta = liquidity_delta || '0' where (block_number, log_index) = (select block_number, log_index from lp_events where event = 'IncreaseLiquidity' limit 1)",
    );
    db.close();
    const before = await status(place);
    const found = await runCommand(place, ["verify", "--deep", "--json"]);
    expect([
      found.code,
      String(jsonOf(found.out)["problems"]).includes("a row of lp_events is not what was written"),
    ]).toEqual([70, true]);
    const { code, err } = await runCommand(place, ["rebuild"]);
    expect(code).toBe(70);
    expect(err).toMatch(/lp-ledger: /);
    expect(await status(place)).toEqual(before);
  });
});

describe("asking the ledger", () => {
  const ask = async (place: Place, ...args: string[]): Promise<string> => {
    const { code, out, err } = await runCommand(place, args);
    expect([code, err]).toEqual([0, ""]);
    return out;
  };
  const linesOf = (text: string): Json[] =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Json);

  it("at a block answers what the contracts answer there, and at a day what its last block does", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const tip = ((await status(place))["tip"] as { number: number }).number;
    const then = jsonOf(await ask(place, "at", "--block", `${tip - 12}`, "--json"));
    const earlier = new TestLedger(live().fetch, { programme: live().programme });
    while ((earlier.store.blocks.tip()?.number ?? 0) < tip - 12) await earlier.step({ until: tip - 12 });
    const open = earlier.store.db
      .prepare(
        "select pool_address as pool, position_id as position, provider_address as provider, via_address as via, tick_lower as tickLower, tick_upper as tickUpper, liquidity from positions",
      )
      .all();
    const sorted = (rows: unknown): string[] => (rows as unknown[]).map((row) => JSON.stringify(row)).sort();
    expect(sorted(then["positions"])).toEqual(sorted(open));
    expect(then["stateDigest"]).toBe(earlier.store.blocks.tip()?.stateDigest);
    const day = jsonOf(await ask(place, "at", "--date", "2026-01-01", "--json"));
    const balances = day["balances"] as { value: string | null }[];
    expect(balances.length).toBeGreaterThan(5);
    expect(balances.every(({ value }) => value !== null && BigInt(value) >= 0n)).toBe(true);
    expect((await runCommand(place, ["at", "--block", "1"])).err).toContain("the ledger holds nothing");
    expect((await runCommand(place, ["at", "--date", "2027-01-01"])).code).toBe(64);
  });

  it("for a difference adds up: what changed between two blocks leads from one to the other", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const tip = ((await status(place))["tip"] as { number: number }).number;
    const positions = async (block: number): Promise<Map<string, bigint>> => {
      const snapshot = jsonOf(await ask(place, "at", "--block", `${block}`, "--json"));
      return new Map(
        (snapshot["positions"] as Record<string, string>[]).map((each) => [
          `${each["pool"]} ${each["position"]} ${each["provider"]}`,
          BigInt(each["liquidity"] ?? 0),
        ]),
      );
    };
    const [before, after] = [await positions(tip - 15), await positions(tip)];
    for (const change of linesOf(await ask(place, "diff", `${tip - 15}`, `${tip}`, "--json")) as Record<
      string,
      string
    >[]) {
      const key = `${change["pool"]} ${change["position"]} ${change["provider"]}`;
      expect(before.get(key) ?? 0n).toBe(BigInt(change["before"] ?? 0));
      before.set(key, (before.get(key) ?? 0n) + BigInt(change["change"] ?? 0));
    }
    const open = (map: Map<string, bigint>): unknown[] => [...map].filter(([, liquidity]) => liquidity > 0n).sort();
    expect(open(before)).toEqual(open(after));
    const backup = jsonOf(await ask(place, "backup", "--json"))["path"] as string;
    expect((await runCommand(place, ["diff", backup, `${tip}`])).err).toBe("nothing differs\n");
    expect((await runCommand(place, ["diff", "nowhere", `${tip}`])).code).toBe(64);
  });

  it("for days, a provider and totals agrees with the tables and with itself", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const rows = linesOf(await ask(place, "days", "--json"));
    const db = new Database(place.database, { readonly: true });
    expect(rows.length).toBe(db.prepare("select count(*) from daily_balances").pluck().get());
    const keys = rows.map((row) => `${row["date"]} ${row["provider_address"]} ${row["pool_address"]}`);
    expect(keys).toEqual([...keys].sort());
    const who = String(rows[0]?.["provider_address"]);
    const pool = String(rows[0]?.["pool_address"]);
    const some = linesOf(
      await ask(
        place,
        "days",
        "--json",
        "--provider",
        who,
        "--pool",
        pool,
        "--from",
        "2026-01-01",
        "--to",
        "2026-01-01",
      ),
    );
    expect(some).toEqual(
      rows.filter(
        (row) => row["provider_address"] === who && row["pool_address"] === pool && row["date"] === "2026-01-01",
      ),
    );
    const csv = (await ask(place, "days", "--csv")).trim().split("\r\n");
    expect([csv.length, csv[0]?.startsWith("date,provider_address,pool_address")]).toEqual([rows.length + 1, true]);
    const one = jsonOf(await ask(place, "provider", who, "--json"));
    const perDay = new Map<string, bigint>();
    for (const row of rows)
      if (row["provider_address"] === who)
        perDay.set(
          String(row["date"]),
          (perDay.get(String(row["date"])) ?? 0n) + BigInt(String(row["liquidity_amount"])),
        );
    expect(one["days"]).toEqual([...perDay].map(([date, value]) => ({ date, value: `${value}` })));
    expect(await ask(place, "provider", who)).toMatch(/days +2026-01-01 to 2026-01-0\d {2}[▁▂▃▄▅▆▇█]+/);
    const totals = jsonOf(await ask(place, "stats", "--json")) as {
      providers: number;
      totalLiquidity: string;
      tiers: { providers: number; totalLiquidity: string }[];
    };
    expect(totals.providers).toBe(db.prepare("select count(*) from provider_balances").pluck().get());
    expect(totals.totalLiquidity).toBe(
      String(db.prepare("select sum(total_liquidity) from provider_balances").pluck().get()),
    );
    expect(totals.tiers.reduce((sum, tier) => sum + BigInt(tier.totalLiquidity), 0n)).toBe(
      BigInt(totals.totalLiquidity),
    );
    db.close();
    expect((await runCommand(place, ["provider", `0x${"0".repeat(40)}`])).err).toContain("never provided liquidity");
  });

  it("for a table gives the same bytes from two ledgers of the same chain, in either format", async () => {
    const [one, two] = [placeFor(live()), placeFor(live(), { more: { RANGE_BLOCKS_MAX: "3" } })];
    for (const place of [one, two]) expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    for (const table of [
      "pools",
      "lp_events",
      "pool_states",
      "provider_balances",
      "daily_balances",
      "token_prices",
      "audit_findings",
    ]) {
      const [a, b] = [await ask(one, "export", table), await ask(two, "export", table)];
      expect(a).toBe(b);
      const csv = await ask(one, "export", table, "--format", "csv");
      expect(csv.trim().split("\r\n").length - 1).toBe(a === "" ? 0 : a.trim().split("\n").length);
    }
  });
});

describe("backup and restore", () => {
  it("work beside a running daemon, which makes one itself, and the ledger goes on from a restored state", async () => {
    const place = placeFor(live(), { more: { LOG_LEVEL: "info" } });
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    const head = await live().anvil.head();
    await daemon.reaches(head, 20_000);
    while (daemon.running && !readFileSync(place.logFile, "utf8").includes("backup made and verified"))
      await new Promise((resolve) => setTimeout(resolve, 20));
    const made = await runCommand(place, ["backup"]);
    expect([made.code, made.out.includes("verified")]).toEqual([0, true]);
    const listed = (await runCommand(place, ["backup", "list", "--json"])).out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { path: string; manifest: Json });
    expect(listed.length).toBe(2);
    expect(listed[0]?.manifest).toMatchObject({
      chainId: 31337,
      blockNumber: head.number,
      blockHash: head.hash,
    });
    expect((await runCommand(place, ["backup", "verify"])).code).toBe(0);
    const locked = await runCommand(place, ["restore", "--latest"]);
    expect([locked.code, locked.err.includes("another lp-ledger process writes")]).toEqual([75, true]);
    expect(await daemon.end("SIGTERM")).toBe(0);
    writeFileSync(listed[0]?.path ?? "", "not what it was");
    const bad = await runCommand(place, ["backup", "verify"]);
    expect([bad.code, bad.out.includes("its manifest says")]).toEqual([70, true]);
    const restored = await runCommand(place, ["restore", "--latest"]);
    expect(restored.code).toBe(0);
    expect(restored.err).toContain("WARNING: the backup");
    expect(restored.out).toContain(listed[1]?.path);
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    expect((await runCommand(place, ["verify"])).code).toBe(0);
    const deep = await runCommand(place, ["verify", "--deep"]);
    expect([deep.code, deep.out.includes("is what was written")]).toEqual([0, true]);
    const optimized = await runCommand(place, ["optimize", "--json"]);
    expect([optimized.code, Number(jsonOf(optimized.out)["bytesAfter"]) > 0]).toEqual([0, true]);
    const pruned = await runCommand({ ...place, more: { BACKUP_KEEP: "1" } }, ["backup", "prune", "--json"]);
    expect(jsonOf(pruned.out)["removed"]).toEqual([]); // One is damaged, the other the last good one.
    for (const args of [["restore"], ["restore", "x", "--latest"]])
      expect((await runCommand(place, args)).code).toBe(64);
  });
});

describe("verify and export", () => {
  it("agree with the chain, and say so with code 70 when they do not", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const good = await runCommand(place, ["verify"]);
    expect([good.code, good.out.includes("all equal")]).toEqual([0, true]);
    const tip = (await status(place))["tip"] as { number: number };
    const earlier = await runCommand(place, ["verify", "--block", `${tip.number - 10}`, "--json"]);
    expect([earlier.code, jsonOf(earlier.out)["blockNumber"], jsonOf(earlier.out)["positionsWrong"]]).toEqual([
      0,
      tip.number - 10,
      0,
    ]);
    const beyond = await runCommand(place, ["verify", "--block", `${tip.number + 1}`]);
    expect([beyond.code, beyond.err.includes("beyond the ledger's tip")]).toEqual([64, true]);
    const db = new Database(place.database);
    db.exec(
      "update postings set balance_after = balance_after || '7' where account_id = (select account_id from accounts where kind = 'holder' and liquidity <> '0' limit 1)",
    );
    db.close();
    const bad = await runCommand(place, ["verify", "--json"]);
    expect(bad.code).toBe(70);
    expect(jsonOf(bad.out)["positionsWrong"]).toBeGreaterThan(0);
    expect(jsonOf(bad.err)["error"]).toMatchObject({ code: "VERIFY_DIFFERS" });
  });

  it("positions come one JSON object a line, with these keys, in one order", async () => {
    const place = placeFor(live());
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const { code, out } = await runCommand(place, ["export", "positions"]);
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Json);
    expect(lines.length).toBe((await status(place))["openPositions"]);
    for (const line of lines)
      expect(Object.keys(line)).toEqual([
        "pool",
        "protocol",
        "position",
        "provider",
        "tickLower",
        "tickUpper",
        "liquidity",
      ]);
    const keys = lines.map((line) => [line["pool"], line["position"] ?? "", line["provider"]].join(" "));
    expect(keys).toEqual([...keys].sort());
  });

  it("without a database say what to do", async () => {
    const place = placeFor(live());
    for (const args of [["status"], ["verify"], ["export", "positions"]]) {
      const { code, err } = await runCommand(place, args);
      expect([code, err.includes("run lp-ledger start first")]).toEqual([78, true]);
    }
    expect(existsSync(place.database)).toBe(false);
  });
});
