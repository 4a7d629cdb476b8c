import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Daemon, runCommand } from "../../demo/daemon.ts";
import { programmeOf } from "../../demo/stage.ts";
import { liveChain, placeFor, verifyLive } from "../support/anvil.ts";
import { atEnd, TestLedger, temporaryFolder } from "../support/ledger.ts";

const DEPTHS = Array.from({ length: 20 }, (_, i) => i + 1);

const live = liveChain(21, async (life) => {
  await life.prelude();
});

describe("reorgs of a real node", () => {
  it("of depth 1 to 20, to a longer, equal and shorter chain, leave the ledger of the chain that stands", async () => {
    const { anvil, life, fetch, programme } = live();
    const path = join(temporaryFolder(), "ledger.sqlite");
    const ledger = new TestLedger(fetch, { path, programme });
    await ledger.settle();
    for (const depth of DEPTHS) {
      const snapshot = await anvil.rpc("evm_snapshot", []);
      const at = life.nowSec;
      for (let i = 0; i < depth; i++) {
        await life.randomBlock(900);
        await ledger.step(); // Each block was a tip of ours.
      }
      await anvil.rpc("evm_revert", [snapshot]);
      life.rewind(at);
      const replacement = depth + ([2, 0, -1][depth % 3] ?? 0);
      for (let i = 0; i < replacement; i++) await life.randomBlock(700);
      await ledger.settle();
    }
    await life.randomBlock(60);
    await ledger.settle();
    const straight = new TestLedger(fetch, { programme });
    await straight.settle();
    expect(ledger.dump()).toBe(straight.dump());
    expect((await verifyLive(live(), ledger)).differences).toEqual([]);
    expect(ledger.store.db.prepare("select count(*) from reorgs").pluck().get()).toBeGreaterThanOrEqual(13);
  });

  it("made by the node itself, with blocks of one timestamp, are followed by the running daemon", async () => {
    const { anvil, life } = live();
    const place = placeFor(live());
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    const head = async (): Promise<{ number: number; hash: string }> => {
      const block = (await anvil.rpc("eth_getBlockByNumber", ["latest", false])) as { number: string; hash: string };
      return { number: Number(block.number), hash: block.hash };
    };
    await daemon.reaches(await head(), 20_000);
    for (const depth of [1, 5, 12]) {
      for (let i = 0; i < depth; i++) await life.randomBlock(300);
      await daemon.reaches(await head(), 20_000);
      await anvil.rpc("anvil_reorg", [depth, []]);
      anvil.forgetNonces();
      await daemon.reaches(await head(), 20_000);
    }
    for (let i = 0; i < 3; i++) await life.randomBlock(300);
    await daemon.reaches(await head(), 20_000);
    expect(await daemon.end("SIGTERM")).toBe(0);
    const verdict = await runCommand(place, ["verify", "--json"]);
    expect([verdict.code, JSON.parse(verdict.out).positionsWrong]).toEqual([0, 0]);
    const status = JSON.parse((await runCommand(place, ["status", "--json"])).out);
    expect(status.reorgs).toBe(3);
    const straight = new TestLedger(live().fetch, { programme: live().programme });
    await straight.settle();
    expect(status.stateDigest).toBe(straight.store.blocks.tip()?.stateDigest);
  });

  it("below the final block end the daemon with code 76, and it goes on when told the new chain's first block", async () => {
    const { anvil, life } = live();
    const place = placeFor(live(), { programme: programmeOf(live().stage, { minDepth: 0 }) });
    // The node calls final what is 64 blocks below its head.
    for (let i = 0; i < 70; i++) await anvil.mine(life.nowSec + i);
    life.rewind(life.nowSec + 70);
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    const tip = await anvil.blockNumber();
    const hash = async (number: number): Promise<{ number: number; hash: string }> => {
      const block = (await anvil.rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])) as { hash: string };
      return { number, hash: block.hash };
    };
    await daemon.reaches(await hash(tip), 20_000);
    for (let i = 0; i < 6; i++) {
      await life.randomBlock(300);
      await daemon.reaches(await hash(tip + 1 + i), 20_000);
    }
    await anvil.rpc("anvil_reorg", [69, []]);
    anvil.forgetNonces();
    expect(await daemon.ended()).toBe(76);
    const status = JSON.parse((await runCommand(place, ["status", "--json"])).out);
    expect(status.halted.code).toBe("DEEP_REORG");
    expect(status.tip.number).toBe(tip + 6);
    const refused = await runCommand(place, ["start", "--once", "--json"]);
    expect(refused.code).toBe(76);
    const error = JSON.parse(refused.err.trim().split("\n").at(-1) ?? "").error;
    expect(error.code).toBe("DEEP_REORG");
    const accepted = await runCommand(place, ["start", "--once", "--accept-deep-reorg", error.facts.firstForeignHash]);
    expect(accepted.code).toBe(0);
    expect((await runCommand(place, ["verify"])).code).toBe(0);
    expect(JSON.parse((await runCommand(place, ["status", "--json"])).out).halted).toBeNull();
  });
});
