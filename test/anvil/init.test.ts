import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../demo/daemon.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { init } from "../../src/cli/init.ts";
import type { Address } from "../../src/core/hex.ts";
import type { Io } from "../../src/runtime/context.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { temporaryFolder } from "../support/ledger.ts";

const live = liveChain(3, async (life) => {
  await life.prelude();
});

describe("init", () => {
  it("looks pools up on the chain and writes a programme that passes every check and can be started", async () => {
    const { stage } = live();
    const folder = temporaryFolder();
    const place = placeFor(live());
    const pools = [stage.pair.address, stage.pools[0].address];
    const made = await runCommand(place, [
      "init",
      "--rpc",
      live().anvil.url,
      "--pool",
      ...pools,
      "--manager",
      stage.manager.address,
      "--to",
      folder,
    ]);
    expect([made.code, made.err.includes("uniswap-v2")]).toEqual([0, true]);
    const programme = join(folder, "config/programme.json");
    const { pools: written } = JSON.parse(readFileSync(programme, "utf8")) as {
      pools: { protocol: string; startBlock: number }[];
    };
    expect(written.map(({ protocol, startBlock }) => `${protocol} ${startBlock}`).sort()).toEqual(
      [`uniswap-v2 ${stage.startBlocks.pair}`, `uniswap-v3 ${stage.startBlocks.pools[0]}`].sort(),
    );
    expect(statSync(join(folder, ".env")).mode & 0o777).toBe(0o600);
    const there = { ...place, programme, database: join(folder, "ledger.sqlite") };
    for (const command of [["check"], ["start", "--once"], ["verify"]])
      expect([command, (await runCommand(there, command)).code]).toEqual([command, 0]);
    const again = await runCommand(place, [
      "init",
      "--rpc",
      live().anvil.url,
      "--pool",
      ...pools,
      "--manager",
      stage.manager.address,
      "--to",
      folder,
    ]);
    expect([again.code, again.err.includes("is there already")]).toEqual([64, true]);
  });

  it("says what it misses, and writes nothing", async () => {
    const folder = temporaryFolder();
    const place = placeFor(live());
    const run = (...args: string[]) => runCommand(place, ["init", "--to", folder, ...args]);
    expect((await run()).err).toContain("--rpc is not given, and nobody answered");
    expect((await run("--rpc", live().anvil.url)).err).toContain("--pool is not given");
    const manager = await run("--rpc", live().anvil.url, "--pool", live().stage.pools[0].address);
    expect([manager.code, manager.err.includes("no position manager is known on chain 31337")]).toEqual([64, true]);
    const token = await run("--rpc", live().anvil.url, "--pool", live().stage.tokens[0].address);
    expect([token.code, token.err.includes("is no pool that init knows by itself")]).toEqual([64, true]);
    const secret = await run("--rpc", "ftp://user:hunter2@example.org", "--pool", live().stage.pair.address);
    expect([secret.code, secret.err.includes("hunter2")]).toEqual([64, false]);
    expect(existsSync(join(folder, ".env"))).toBe(false);
  });

  it("asks again where an answer will not do, and works with a node without old state", async () => {
    const { stage, fetch } = live();
    const folder = temporaryFolder();
    const [pool, token] = [stage.pools[0].address, stage.tokens[0].address];
    const answers = [
      "nonsense",
      live().anvil.url,
      "0x12",
      token,
      pool,
      "none at all",
      token,
      stage.manager.address,
      "soon",
      "999999999",
      "1",
      "1:1 5",
      "1:1, 5:1.25",
      token,
      "0",
      "1000.5",
      "2026-13-01",
      "2026-01-01",
      "28",
      "29",
      "7",
    ];
    let said = "";
    const forgetful: Fetch = async (url, request) => {
      const { id, method, params } = JSON.parse(String(request.body)) as {
        id: number;
        method: string;
        params: string[];
      };
      if (method !== "eth_getCode" || params[1] === "latest") return await fetch(url, request);
      const error = { code: -32000, message: "missing trie node 5fb1 (path ) state 0xabc is not available, not found" };
      return new Response(JSON.stringify({ jsonrpc: "2.0", id, error }));
    };
    const io = {
      env: {},
      cwd: folder,
      post: forgetful,
      out: () => {},
      talk: (text: string) => {
        said += text;
      },
      ask: async (question: string) => {
        said += question;
        return answers.shift();
      },
    } as unknown as Io;
    await init(io, {});
    expect(answers).toEqual([]);
    for (const part of [
      "expected an http",
      "is no pool that init knows",
      "position managers of the factory",
      "UTC day like",
    ])
      expect(said).toContain(part);
    const path = join(folder, "config/programme.json");
    const file = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    expect(file).toMatchObject({
      $schema: "./programme.schema.json",
      pools: [{ protocol: "uniswap-v3", startBlock: 1, managers: [expect.any(String)] }],
      schedule: { start: "2026-01-01", days: 28 },
      tiers: {
        levels: [
          { week: 1, multiplierBp: 10_000 },
          { week: 5, multiplierBp: 12_500 },
        ],
      },
      rewards: { tokens: [{ budget: "1000.5" }], epochs: { days: 7 } },
    });
    expect(existsSync(join(folder, "config/programme.schema.json"))).toBe(true);
    expect((await runCommand({ ...placeFor(live()), programme: path }, ["check"])).code).toBe(0);
    const other = temporaryFolder();
    const pruned = await init({ ...io, cwd: other, ask: async () => undefined } as Io, {
      rpc: live().anvil.url,
      pool: [pool as Address],
      manager: [stage.manager.address as Address],
    }).catch((error: unknown) => error);
    expect(pruned).toMatchObject({ code: "PRUNED", exitCode: 64 });
    expect(existsSync(join(other, ".env"))).toBe(false);
  });
});
