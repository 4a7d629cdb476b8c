import { describe, expect, it } from "vitest";
import { Daemon, runCommand } from "../../demo/daemon.ts";
import { programmeOf } from "../../demo/stage.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { atEnd, TestLedger } from "../support/ledger.ts";

const live = liveChain(22, async (life) => {
  await life.prelude();
});

describe("reorgs under the running daemon", () => {
  it("made by the node itself, with blocks of one timestamp, are followed by the running daemon", async () => {
    const { anvil, life } = live();
    const place = placeFor(live());
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start();
    await daemon.reaches(await anvil.head(), 20_000);
    for (const depth of [1, 5, 12]) {
      for (let i = 0; i < depth; i++) await life.randomBlock(300);
      await daemon.reaches(await anvil.head(), 20_000);
      await anvil.rpc("anvil_reorg", [depth, []]);
      anvil.forgetNonces();
      await daemon.reaches(await anvil.head(), 20_000);
    }
    for (let i = 0; i < 3; i++) await life.randomBlock(300);
    await daemon.reaches(await anvil.head(), 20_000);
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
