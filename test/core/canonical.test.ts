import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { canonicalProgramme } from "../../src/core/programme/canonical.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { addressOf } from "../support/logs.ts";
import { worldProgramme } from "../support/world.ts";

const hashOf = (file: unknown): string => sha256(JSON.stringify(canonicalProgramme(parseProgramme(file, "a file"))));
const fileAt = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../config/${name}`, import.meta.url), "utf8"));

const [SHARE, ASSET] = [addressOf(0xb1), addressOf(0xb3)];
const asset = { address: ASSET, symbol: "A", decimals: 6 };
const valued = (rate: object, pool: object = {}) =>
  worldProgramme({
    schedule: { start: "2026-01-01", days: 14 },
    prices: {
      [SHARE]: { rate: { asset, ...rate } },
      [ASSET]: { fixed: "1" },
      [addressOf(0xb2)]: { pool: addressOf(0xa1), ...pool },
    },
    tiers: { minimum: "10", levels: [{ week: 1, multiplierBp: 10_000 }] },
    rewards: {
      tokens: [{ address: addressOf(0xc1), symbol: "R", decimals: 2, budget: "1000" }],
      epochs: { days: 7 },
    },
  });

describe("a programme's canonical form", () => {
  // Final epochs carry these: a version that computes another hash of the same file refuses the ledgers of its users.
  it("is what it was in earlier versions, for files that say nothing of what is new", () => {
    expect(hashOf(fileAt("programme.example.json"))).toBe(
      "73979f445d72290852d7b640ff26de04ba964bae0ad1cca5206999f825845a81",
    );
    expect(hashOf(fileAt("threshold-arbitrum.json"))).toBe(
      "a38f4384d2cc3cb0a746824c9ab30a5dafafb835d5b4d17d86bb907b304442a3",
    );
    expect(hashOf(valued({}))).toBe("283b694ca4b29007608fcac0ed4deabaae3735c2c70bdd3681c8a1d0072578b2");
  });

  it("is the same where a default is written down, and another one for anything else", () => {
    const same = hashOf(valued({}));
    expect(hashOf(valued({ samples: 24, rateRisePerDayBp: 100 }, { average: "median", minSeconds: 3_600 }))).toBe(same);
    const others = [
      valued({ samples: 12 }),
      valued({ rateRisePerDayBp: 0 }),
      valued({}, { average: "mean" }),
      valued({}, { minSeconds: 60 }),
    ].map(hashOf);
    expect(new Set([same, ...others]).size).toBe(5);
  });
});
