import { rmSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Daemon } from "../../demo/daemon.ts";
import { seeded } from "../../demo/life.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { dumpOf } from "../support/dump.ts";
import { atEnd, openStore, TestLedger } from "../support/ledger.ts";

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
      const before = daemon.tip()?.number ?? -1;
      daemon.start(["--once"]);
      // From its first commit on, at a random moment of the backfill.
      while (daemon.running && (daemon.tip()?.number ?? -1) === before)
        await new Promise((resolve) => setTimeout(resolve, 2));
      await new Promise((resolve) => setTimeout(resolve, random() * 80));
      await daemon.end("SIGKILL");
      const tip = daemon.tip()?.number ?? -1;
      if (tip < head) midway += 1;
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
    expect(midway + completed).toBe(KILLS);
    expect(midway).toBeGreaterThan(KILLS / 2);
  });
});
