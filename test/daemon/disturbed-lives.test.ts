import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import type { Range } from "../../src/core/chain.ts";
import { toHash } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { FactoryModel } from "../models/factory.ts";
import { MODELS } from "../models/models.ts";
import { codeOf } from "../support/code-of.ts";
import { dumpOf } from "../support/dump.ts";
import type { Draft } from "../support/logs.ts";
import { Process, rangesOf } from "../support/process.ts";
import { World, worldProgramme } from "../support/world.ts";

const TRANSACTIONS = 100;

interface Lively {
  programme(): object;
  transaction(random: () => number): readonly Draft[];
}

const LIVELY: Readonly<Record<string, () => Lively>> = {
  "uniswap-v2 and uniswap-v3": () => {
    const world = new World();
    const { pools, prices } = worldProgramme();
    return { programme: () => ({ pools, prices }), transaction: (random) => world.transaction(random) };
  },
  "a factory of uniswap-v2 pairs": () => new FactoryModel(),
  ...MODELS,
};

function lifeOf(model: Lively, seed: number): readonly Range[] {
  const random = seeded(seed);
  return rangesOf(Array.from({ length: TRANSACTIONS }, () => model.transaction(random)));
}

function programmeOf(model: Lively): Programme {
  return parseProgramme({ chainId: 31337, quote: { symbol: "USD" }, ...model.programme() }, "the model's programme");
}

describe("a life in which working copies are dropped between every two transactions", () => {
  for (const [name, make] of Object.entries(LIVELY)) {
    it.each([1, 2])(`of ${name} leaves what an undisturbed one leaves (seed %i)`, (seed) => {
      const model = make();
      const programme = programmeOf(model);
      const ranges = lifeOf(model, seed);
      const undisturbed = new Process(programme);
      undisturbed.keeper.commitAll(ranges);
      const disturbed = new Process(programme);
      const random = seeded(seed + 1_000);
      const foreign = { ...(ranges[0] as Range), parentHash: toHash(`0x${"9".repeat(64)}`) };
      for (const range of ranges) {
        const dice = random();
        if (dice < 0.2) disturbed.restart();
        // What follows does not fit: all of it fails, and is tried again.
        else if (dice < 0.4) expect(codeOf(() => disturbed.keeper.commitAll([range, foreign]))).toBe("CHAIN_MOVED");
        else disturbed.dropWorkingCopies();
        disturbed.keeper.commitAll([range]);
        if (dice > 0.8 && range.from > 1) disturbed.keeper.replace(range.from - 1, [range]);
      }
      const left = dumpOf(undisturbed.store);
      expect(dumpOf(disturbed.store)).toBe(left);
      for (const { store } of [undisturbed, disturbed]) {
        store.write(() => rebuild(store, programme, sha256));
        expect(dumpOf(store)).toBe(left);
      }
    });
  }
});
