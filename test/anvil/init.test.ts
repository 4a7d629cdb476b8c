import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../demo/daemon.ts";
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
    expect([token.code, token.err.includes("is no pool that init knows by itself")]).toEqual([78, true]);
    const secret = await run("--rpc", "ftp://user:hunter2@example.org", "--pool", live().stage.pair.address);
    expect([secret.code, secret.err.includes("hunter2")]).toEqual([64, false]);
    expect(existsSync(join(folder, ".env"))).toBe(false);
  });
});
