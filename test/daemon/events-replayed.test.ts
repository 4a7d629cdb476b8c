import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { parseProgramme } from "../../src/config.ts";
import { MODELS } from "../models/models.ts";
import { Process, rangesOf } from "../support/process.ts";
import { World, worldProgramme } from "../support/world.ts";

interface Row {
  readonly pool: string;
  readonly position: string | null;
  readonly provider: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly delta: string;
}

/** What `docs/schema.md` says of the rows of `lp_events`: each moves liquidity from one side to another. */
function replayed(rows: readonly Row[]): ReadonlyMap<string, bigint> {
  const sides = new Map<string, bigint>();
  const add = (key: string, amount: bigint): void => void sides.set(key, (sides.get(key) ?? 0n) + amount);
  for (const { pool, position, provider, from, to, delta } of rows) {
    if (from === null) continue;
    const amount = BigInt(delta) < 0n ? -BigInt(delta) : BigInt(delta);
    const side = to ?? (BigInt(delta) < 0n ? "issuance" : provider);
    // Issuance is one account of a pool, whatever the position.
    const keyOf = (each: string): string => `${pool} ${each === "issuance" ? "" : (position ?? "")} ${each}`;
    add(keyOf(from), -amount);
    add(keyOf(side ?? ""), amount);
  }
  return new Map([...sides].filter(([, balance]) => balance !== 0n).sort());
}

const LIVELY = {
  "uniswap-v2 and uniswap-v3": () => {
    const world = new World();
    const { pools, prices } = worldProgramme();
    return {
      programme: () => ({ pools, prices }),
      transaction: (random: () => number) => world.transaction(random),
    };
  },
  ...MODELS,
};

describe("the rows of lp_events, replayed as the documentation says,", () => {
  it.each(Object.entries(LIVELY))("are the accounts (%s)", (_, make) => {
    const model = make();
    const programme = parseProgramme(
      { chainId: 31337, quote: { symbol: "USD" }, ...model.programme() },
      "the model's programme",
    );
    const random = seeded(7);
    const { keeper, store } = new Process(programme);
    keeper.commitAll(rangesOf(Array.from({ length: 120 }, () => model.transaction(random))));
    const rows = store.db
      .prepare<[], Row>(
        `select pool_address as pool, position_id as position, provider_address as provider, from_side as "from", to_side as "to", liquidity_delta as delta
         from lp_events order by block_number, log_index`,
      )
      .all();
    const accounts = store.db
      .prepare<[], { pool: string; kind: string; position: string; provider: string; via: string; liquidity: string }>(
        "select pool_address as pool, kind, position_id as position, provider_address as provider, via_address as via, liquidity from accounts where liquidity <> '0'",
      )
      .all()
      .map(({ pool, kind, position, provider, via, liquidity }): [string, bigint] => [
        `${pool} ${position} ${kind === "issuance" ? "issuance" : via === "" ? provider : `${provider}@${via}`}`,
        BigInt(liquidity),
      ]);
    expect(accounts.length).toBeGreaterThan(1);
    expect([...replayed(rows)]).toEqual(accounts.sort());
  });
});
