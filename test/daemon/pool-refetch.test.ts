import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { parseProgramme } from "../../src/config.ts";
import { toAddress } from "../../src/core/hex.ts";
import type { Programme } from "../../src/core/programme/programme.ts";
import { addPools } from "../../src/daemon/add-pools.ts";
import { converge } from "../../src/daemon/converge.ts";
import { verify } from "../../src/daemon/verify.ts";
import { Bookkeeper } from "../../src/ledger/bookkeeper.ts";
import { adoptProgramme, compareProgramme, onlyAdded, withoutAdded } from "../../src/ledger/compare-programme.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { openStore, TestLedger, temporaryFolder } from "../support/ledger.ts";
import { chainPort } from "../support/port.ts";
import { programmeLedger, REWARDS, SCHEDULE, TIERS } from "../support/programme-ledger.ts";
import { saidBy } from "../support/said.ts";
import { PAIR, POOL, worldProgramme } from "../support/world.ts";

const { signal } = new AbortController();
const SETTLE = { blocksMin: 1, rangesMax: 50 };
const FINALITY = { finality: { fallbackDepth: 5, minDepth: 0 } };
const [pair, pool] = worldProgramme()["pools"] as readonly [object, object];
const worldOf = (more: object) => parseProgramme(worldProgramme({ ...FINALITY, ...more }), "the test's programme");

/** Does what a start does about a programme with pools whose history is to be fetched. */
async function takenUp(store: Store, chain: FakeChain, whole: Programme, isStopped = false): Promise<void> {
  const adoption = compareProgramme(store, whole);
  const path = `${temporaryFolder()}/side.sqlite`;
  await addPools(
    {
      main: new Bookkeeper(store, withoutAdded(whole, adoption), sha256),
      added: onlyAdded(whole, adoption),
      sha256,
      openSide: () => {
        const side = openStore(path);
        if (side.store.config.get("programme") === undefined)
          side.store.write(() => adoptProgramme(side.store, onlyAdded(whole, adoption), sha256));
        return { path, ...side, discard: () => side.close() };
      },
      follow: async (keeper, pools, until) => {
        const port = chainPort(chain.fetch, pools);
        for (let i = 0; i < 10; i++)
          await converge(keeper, port, signal, {
            settle: SETTLE,
            quarantine: true,
            ...(until === undefined ? {} : { until }),
          });
      },
      stopped: () => isStopped,
      adopt: () => adoptProgramme(store, whole, sha256),
    },
    whole,
  );
}

async function settled(store: Store, chain: FakeChain, programme: Programme): Promise<void> {
  const [keeper, port] = [new Bookkeeper(store, programme, sha256), chainPort(chain.fetch, programme)];
  for (let i = 0; i < 30; i++) await converge(keeper, port, signal, { settle: SETTLE });
}

const ordered = (store: Store, pool: string, reason: string): void =>
  store.write(() => store.refetches.order({ kind: "refetch", pool: toAddress(pool) }, reason, store.nowIso()));

async function straight(chain: FakeChain, programme: Programme): Promise<readonly unknown[]> {
  const { store } = new TestLedger(chain.fetch, { programme });
  await settled(store, chain, programme);
  return saidBy(store);
}

function grown(seed = 11): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 9_000 });
  chain.grow(60, seed);
  return chain;
}

const [TRANSFER, V3_SWAP] = ["0xddf252ad", "0xc42079f9"] as const;

/** Leaves out, in every answer, a log of such a kind that no identity misses. */
async function withheld(
  chain: FakeChain,
  programme: Programme,
  topic: string = TRANSFER,
  isWanted: (store: Store) => boolean = () => true,
): Promise<Store> {
  const alone = chain.blocks.filter(
    ({ number, logs }) => number < 50 && logs.length === 1 && logs[0]?.topics[0]?.startsWith(topic),
  );
  for (const { number } of alone.reverse()) {
    chain.fault = (method, _params, result) =>
      method === "eth_getLogs"
        ? (result as { blockNumber: string }[]).filter(({ blockNumber }) => Number(blockNumber) !== number)
        : result;
    const { store } = new TestLedger(chain.fetch, { programme });
    const isMissed = await settled(store, chain, programme).then(
      () => false,
      () => true,
    );
    if (!isMissed && isWanted(store)) return store;
  }
  throw new Error("no log of this kind is like that");
}

describe("a pool whose history is fetched again", () => {
  it("has what every node withheld, and all others are as they were", async () => {
    const [chain, programme] = [grown(), worldOf({})];
    const expected = await straight(chain, programme);
    const store = await withheld(chain, programme);
    chain.fault = undefined;
    expect(saidBy(store)).not.toEqual(expected); // Settled, and wrong: nothing reads it a third time.
    ordered(store, PAIR, "the node withheld a log");
    expect(compareProgramme(store, programme).kind).toBe("added");
    await takenUp(store, chain, programme);
    await settled(store, chain, programme);
    expect(saidBy(store)).toEqual(expected);
    expect(compareProgramme(store, programme).kind).toBe("same");
    const [done] = store.refetches.all();
    expect(done).toMatchObject({ pool: PAIR, reason: "the node withheld a log", doneBlock: 60 });
  });

  it("is what its tokens' prices rest on, on the days before anything was found, too", async () => {
    const [chain, programme] = [grown(13), worldOf({})];
    const expected = await straight(chain, programme);
    // What was swapped at was a day's price.
    const isPriced = (store: Store): boolean => !isDeepStrictEqual(saidBy(store)[5], expected[5]);
    const store = await withheld(chain, programme, V3_SWAP, isPriced);
    chain.fault = undefined;
    expect(store.quarantines.all()).toEqual([]);
    ordered(store, POOL, "the node withheld a swap");
    await takenUp(store, chain, programme);
    await settled(store, chain, programme);
    expect(saidBy(store)).toEqual(expected);
  });

  it("may have another entry, with the manager that was missing, and its order goes on where a start was broken off", async () => {
    const chain = grown();
    const [without, whole] = [worldOf({ pools: [pair, { ...pool, managers: [] }] }), worldOf({})];
    const { store } = new TestLedger(chain.fetch, { programme: without });
    await settled(store, chain, without);
    expect(() => compareProgramme(store, whole)).toThrow(/would change recorded history: pool/);
    ordered(store, POOL, "its manager was missing");
    // A start that ends before the history is in, when the other pools went on alone.
    chain.grow(5, 12);
    await takenUp(store, chain, whole, true);
    // Until it is in, the pool is compared with no contract: it stands still while the chain goes on.
    const asked: string[] = [];
    const { chain: live } = new TestLedger(chain.fetch, { programme: whole });
    const port = {
      blocksAt: live.blocksAt.bind(live),
      ask: async (questions: readonly unknown[]) => {
        asked.push(...questions.map((each) => JSON.stringify(each)));
        return questions.map(() => null);
      },
    };
    await verify(store, whole, port, undefined, signal);
    expect([asked.length > 0, asked.some((each) => each.includes(POOL))]).toEqual([true, false]);
    chain.grow(5, 13);
    await takenUp(store, chain, whole);
    await settled(store, chain, whole);
    expect(saidBy(store)).toEqual(await straight(chain, whole));
  });

  it("closes the finding that halted the ledger", async () => {
    const [chain, programme] = [grown(), worldOf({})];
    const { store } = new TestLedger(chain.fetch, { programme });
    await settled(store, chain, programme);
    chain.grow(20, 13);
    const isOfPair = ({ address }: { address: string }): boolean => address === PAIR;
    const wrong = chain.blocks.find(({ number, logs }) => number > 60 && logs.filter(isOfPair).length > 2);
    chain.fault = (method, _params, result) => {
      if (method !== "eth_getLogs") return result;
      const logs = result as { blockNumber: string; address: string }[];
      const first = logs.find((log) => Number(log.blockNumber) === wrong?.number && isOfPair(log));
      return logs.filter((log) => log !== first);
    };
    await expect(settled(store, chain, programme)).rejects.toMatchObject({ code: "IDENTITY_BROKEN" });
    expect(store.findings.open()).toMatchObject([{ pool: PAIR }]);
    // As long as nodes say the same, it is in quarantine, and all else goes on.
    ordered(store, PAIR, "to be sure");
    await takenUp(store, chain, programme);
    expect(store.quarantines.all()).toMatchObject([{ pool: PAIR }]);
    expect(store.blocks.tip()?.number).toBe(80);
    chain.fault = undefined;
    ordered(store, PAIR, "the node lied");
    await takenUp(store, chain, programme);
    expect(store.quarantines.all()).toEqual([]);
    await settled(store, chain, programme);
    expect(store.findings.open()).toEqual([]);
    expect(saidBy(store)).toEqual(await straight(chain, programme));
  });

  it("leaves what was paid by it as it was paid", async () => {
    const { ledger, chain, run } = await programmeLedger();
    const { store } = ledger;
    expect((await run("rewards", "finalize", "--yes")).code).toBe(0);
    const paid = store.rewards.epoch(1);
    const ordered = await run("pool", "refetch", POOL, "--reason", "to be sure");
    expect([ordered.code, ordered.out]).toEqual([
      0,
      `${POOL}: its history is fetched again by the next lp-ledger start\n`,
    ]);
    expect((await run("status")).out).toContain(
      `ordered         pool ${POOL} is fetched again by the next lp-ledger start`,
    );
    // Nothing is calculated while a pool is missing from what is followed.
    expect((await run("rewards", "calculate")).code).not.toBe(0);
    const programme = parseProgramme(
      worldProgramme({
        finality: { fallbackDepth: 0, minDepth: 0 },
        schedule: SCHEDULE,
        tiers: TIERS,
        rewards: REWARDS,
      }),
      "the same programme",
    );
    await takenUp(store, chain, programme);
    await settled(store, chain, programme);
    expect(store.rewards.epoch(1)).toEqual(paid);
    const again = await run("rewards", "calculate");
    expect([again.code, again.err]).toEqual([0, ""]);
    expect(store.findings.open()).toEqual([]);
    expect((await run("audit", "list")).out).toContain(
      `pool ${POOL} was fetched again up to block ${store.blocks.tip()?.number}, and is the same: to be sure`,
    );
  });

  it("is ordered only where it can be, with a reason", async () => {
    const { run } = await programmeLedger();
    const unknown = await run("pool", "refetch", `0x${"9".repeat(40)}`, "--reason", "x");
    expect([unknown.code, unknown.err.includes("the ledger does not follow pool")]).toEqual([64, true]);
    expect((await run("pool", "refetch", POOL)).code).toBe(64);
    expect((await run("pool", "refetch", POOL, "--reason", " ")).code).toBe(64);
    expect((await run("status", "--json")).out).toContain('"ordered":[]');
  });
});
