import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Daemon } from "../../demo/daemon.ts";
import { seeded } from "../../demo/life.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { atEnd, dumpOf, openStore, TestLedger } from "../support/ledger.ts";

const KILLS = 50;

const live = liveChain(31, async (life) => {
  await life.prelude();
  for (let i = 0; i < 150; i++) await life.randomBlock(60 + life.upTo(4000));
});

describe("SIGKILL at random moments of a backfill", () => {
  it(`leaves, after ${KILLS} of them, the database of an undisturbed run`, async () => {
    const random = seeded(99);
    const undisturbed = new TestLedger(live().fetch, { programme: live().programme });
    await undisturbed.settle();
    const expected = undisturbed.dump();
    // One block a commit, so that there are as many moments between commits as there can be.
    const place = placeFor(live(), { more: { RANGE_BLOCKS_MAX: "1", LOG_LEVEL: "silent" } });
    const daemon = new Daemon(place);
    atEnd(() => void daemon.end("SIGKILL"));
    const head = undisturbed.store.blocks.tip()?.number ?? 0;
    let completed = 0;
    let midway = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      daemon.start(["--once"]);
      await new Promise((resolve) => setTimeout(resolve, 200 + random() * 350));
      await daemon.end("SIGKILL");
      const tip = daemon.tip()?.number ?? -1;
      if (tip > 0 && tip < head) midway += 1;
      if (tip !== head) continue;
      const { store, close } = openStore(place.database);
      expect(dumpOf(store)).toBe(expected);
      close();
      completed += 1;
      for (const suffix of ["", "-wal", "-shm", ".lock"]) rmSync(`${place.database}${suffix}`, { force: true });
    }
    daemon.start(["--once"]);
    expect(await daemon.ended()).toBe(0);
    expect(dumpOf(openStore(place.database).store)).toBe(expected);
    expect(midway).toBeGreaterThan(5);
    expect(completed).toBeLessThan(KILLS / 2);
  });
});
