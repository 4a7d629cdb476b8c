import { writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { type Contract, compiled, deploy } from "../../demo/contracts.ts";
import { type Place, runCommand } from "../../demo/daemon.ts";
import { programmeOf } from "../../demo/stage.ts";
import { liveChain, placeFor, START_SEC } from "../support/anvil.ts";

const DAY = 86_400;
const SOURCE = new URL("../support/Feed.sol", import.meta.url);
let first: Contract;
let second: Contract;
let proxy: Contract;
let moved = 0;
let born = 0;

// Three days. A phase ends at noon of the second one: the first aggregator goes on talking, and nobody listens to it
// any more.
const live = liveChain(4, async (life) => {
  const { anvil, owner } = life.stage;
  const place = async (name: string): Promise<Contract> => {
    const contract = await deploy(anvil, life.nowSec + 1, owner, compiled(SOURCE, name), []);
    await life.block(2, []);
    return contract;
  };
  born = (await anvil.blockNumber()) + 1;
  [first, second, proxy] = [await place("Aggregator"), await place("Aggregator"), await place("FeedProxy")];
  await life.must(1, [proxy.tx(owner, "confirm", [first.address]), first.tx(owner, "transmit", [200_000_000n])]);
  await life.prelude();
  const until = async (sec: number, txs: Parameters<typeof life.must>[1]): Promise<void> =>
    life.must(START_SEC + sec - life.nowSec, txs);
  await until(DAY / 2, [first.tx(owner, "transmit", [400_000_000n])]);
  await until(DAY + DAY / 4, [first.tx(owner, "transmit", [600_000_000n])]);
  await until(DAY + DAY / 2, [
    second.tx(owner, "transmit", [1_000_000_000n]),
    proxy.tx(owner, "confirm", [second.address]),
  ]);
  moved = await anvil.blockNumber();
  await until(DAY + DAY / 2 + 60, [first.tx(owner, "transmit", [1n])]);
  await until(2 * DAY + DAY / 2, [second.tx(owner, "transmit", [1_000_000_000n])]);
  for (let i = 0; i < 80; i++) await life.block(i === 0 ? DAY : 60, []);
});

/** The stage's programme with one token priced by the feed. */
function programme(feed: object): object {
  const plain = programmeOf(live().stage) as { prices: Record<string, unknown> };
  const token = live().stage.tokens[1].address;
  return { ...plain, prices: { ...plain.prices, [token]: { chainlink: feed } } };
}

const feed = (more: object = {}) => ({
  proxy: proxy.address,
  aggregators: [
    { address: first.address, fromBlock: born, toBlock: moved - 1 },
    { address: second.address, fromBlock: moved },
  ],
  decimals: 8,
  staleAfterSeconds: DAY,
  ...more,
});

function pricesOf(place: Place): readonly string[] {
  const db = new Database(place.database, { readonly: true });
  try {
    return db
      .prepare<[string], string>(
        "select date || ' ' || price || ' ' || source from token_prices where token_address = ? order by date",
      )
      .pluck()
      .all(live().stage.tokens[1].address);
  } finally {
    db.close();
  }
}

/** The mean of the first day counts from the block of the first answer on. */
async function expectedPrices(): Promise<readonly string[]> {
  const began = START_SEC + 3_600; // About when the play begins; the digits behind it do not matter here.
  const mean = (2 * (START_SEC + DAY / 2 - began) + 4 * (DAY / 2)) / (START_SEC + DAY - began);
  return [mean.toFixed(2), ((4 + 6 + 2 * 10) / 4).toFixed(2), "10.00"];
}

describe("a token priced by a Chainlink feed", () => {
  it("has the time-weighted mean of its answers, across a change of the aggregator", async () => {
    const place = placeFor(live(), { programme: programme(feed()) });
    const checked = await runCommand(place, ["check"]);
    expect([checked.code, checked.err]).toEqual([0, ""]);
    const started = await runCommand(place, ["start", "--once"]);
    expect([started.code, started.err.includes("PRICE FEED")]).toEqual([0, false]);
    const prices = pricesOf(place);
    const rounded = prices.slice(0, 3).map((line) => Number(line.split(" ")[1]).toFixed(2));
    expect(rounded).toEqual(await expectedPrices());
    expect(prices[1]).toContain(`chainlink ${second.address}`);
    expect((await runCommand(place, ["verify", "--deep"])).code).toBe(0);
    expect((await runCommand(place, ["rebuild"])).code).toBe(0);
    expect(pricesOf(place)).toEqual(prices);
  });

  it("can come later: what its aggregators said before is fetched, and days that waited are priced", async () => {
    const plain = programmeOf(live().stage) as { prices: Record<string, unknown> };
    const token = live().stage.tokens[1].address;
    const { [token]: _, ...others } = plain.prices;
    const place = placeFor(live(), { programme: { ...plain, prices: others } });
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    expect(pricesOf(place)).toEqual([]);
    writeFileSync(place.programme, JSON.stringify(programme(feed())));
    const added = await runCommand(place, ["start", "--once"]);
    expect([added.code, added.err.includes("fetched and rebuilt")]).toEqual([0, true]);
    const straight = placeFor(live(), { programme: programme(feed()) });
    expect((await runCommand(straight, ["start", "--once"])).code).toBe(0);
    expect(pricesOf(place)).toEqual(pricesOf(straight));
    expect((await runCommand(place, ["status", "--json"])).out).toContain('"unpricedRows":0');
    // And goes again: what it priced stays.
    writeFileSync(place.programme, JSON.stringify({ ...plain, prices: { ...others, [token]: { fixed: "1" } } }));
    expect((await runCommand(place, ["rebuild"])).code).toBe(0);
    expect(pricesOf(place).slice(0, 2)).toEqual(pricesOf(straight).slice(0, 2));
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
  });

  it("is compared with its proxy: aggregators that are not in force, unknown ones, other decimals", async () => {
    const wrong = feed({
      aggregators: [
        { address: second.address, fromBlock: born, toBlock: moved },
        { address: first.address, fromBlock: moved + 1 },
      ],
      decimals: 18,
    });
    const place = placeFor(live(), { programme: programme(wrong) });
    const checked = await runCommand(place, ["check"]);
    expect(checked.code).toBe(78);
    expect(checked.err).toContain(`expected ${second.address} as the last one, without toBlock`);
    expect(checked.err).toContain("chainlink.decimals: expected 8");
    const started = await runCommand(place, ["start", "--once"]);
    expect([started.code, started.err.includes("A PRICE FEED is not what the programme file says")]).toEqual([0, true]);
    const unknown = placeFor(live(), {
      programme: programme(feed({ proxy: first.address, aggregators: [{ address: proxy.address, fromBlock: born }] })),
    });
    expect((await runCommand(unknown, ["check"])).err).toContain("expected a proxy with aggregator()");
  });

  it("is unpriced, visibly, for days in which the feed was silent too long", async () => {
    const place = placeFor(live(), { programme: programme(feed({ staleAfterSeconds: DAY / 2 + 120 })) });
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    expect(pricesOf(place).map((line) => line.slice(0, 10))).toEqual(["2026-01-01"]);
    expect((await runCommand(place, ["prices", "missing"])).out).toContain(
      `2026-01-02  ${live().stage.tokens[1].address}`,
    );
  });
});
