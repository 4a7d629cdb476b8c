import { expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import { routesOf } from "../../src/core/decode/routes.ts";
import { applyTransaction } from "../../src/core/decode/transaction.ts";
import { SingletonModel } from "../models/singleton.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { addressOf, type Draft, logsOf } from "../support/logs.ts";
import { POOL, World, worldProgramme } from "../support/world.ts";

interface Life {
  transaction(random: () => number): readonly Draft[];
}
type File = { readonly pools: readonly { readonly address: string }[] };

const base = { chainId: 31337, quote: { symbol: "USD" } };
const lives: readonly (readonly [string, () => { life: Life; file: File; pool: string; other: string }])[] = [
  ["V3", () => ({ life: new World(), file: worldProgramme() as unknown as File, pool: POOL, other: addressOf(0xa9) })],
  [
    "V4",
    () => {
      const life = new SingletonModel();
      return {
        life,
        file: { ...base, ...life.programme() } as unknown as File,
        pool: life.id,
        other: `0x${"9".repeat(64)}`,
      };
    },
  ],
];

it.each(lives)("tokens of a %s pool that is not followed any more are nobody's, and stop nothing", (_name, begin) => {
  for (let seed = 1; seed <= 20; seed++) {
    const { life, file, pool, other } = begin();
    const random = seeded(seed);
    const programmeOf = (pools: File["pools"]) =>
      parseProgramme({ ...file, prices: {}, pools }, "the test's programme");
    // While its history is fetched again, another pool of the same manager goes on: here one in which nothing happens.
    const without = file.pools.map((each) => (each.address === pool ? { ...each, address: other } : each));
    const [books, both, rest] = [emptyBooks(), routesOf(programmeOf(file.pools)), routesOf(programmeOf(without))];
    let events = 0;
    for (let blockNumber = 1; blockNumber <= 120; blockNumber++) {
      const logs = logsOf(life.transaction(random));
      const place = { blockNumber, timestampSec: 1_000 + blockNumber };
      const applied = applyTransaction(books, blockNumber <= 60 ? both : rest, logs, place);
      if (blockNumber > 60) events += applied.events.filter((event) => event.pool.address === pool).length;
    }
    expect(events).toBe(0);
  }
});
