import { describe, expect, it } from "vitest";
import { toHash } from "../../src/core/hex.ts";
import { FakeChain } from "../support/fake-chain.ts";
import { away, grown, HOURS, ledgerOf, shifted, straight } from "../support/timed-ledger.ts";

/**
 * Chains that nothing proves the times of: so many blocks, the last of them without logs, and maybe three days before
 * what follows.
 */
function chainsOf(count: number, { quiet = 70, more = 0, pauseSec = 0 } = {}): readonly FakeChain[] {
  return Array.from({ length: count }, () => {
    const chain = new FakeChain({ isProvable: false });
    chain.grow(quiet - 1, 11);
    chain.growEmpty(1);
    chain.pauseSec = pauseSec;
    chain.grow(more, 12);
    chain.pauseSec = 0;
    return chain;
  });
}

type Ledger = ReturnType<typeof ledgerOf>;

/** Looks again and again, a quarter of a minute apart. */
async function watch({ steps, clock }: Ledger, looks = 30): Promise<void> {
  for (let i = 0; i < looks; i++) {
    await steps(1);
    clock.ms += 15_000;
  }
}

const tipOf = ({ ledger }: Ledger): number | undefined => ledger.store.blocks.tip()?.number;
const lateBy = ({ ledger }: Ledger, number: number, { blocks }: FakeChain): number =>
  (ledger.store.blocks.at(number)?.timestampSec ?? 0) - (blocks[number]?.timestampSec ?? 0);

describe("one node of several that goes on saying a wrong time, where nothing proves it", () => {
  it("of a block without logs, is left for the honest one", async () => {
    const all = chainsOf(2, { quiet: 62, more: 8 });
    shifted(all[0] as FakeChain, "headers", (number) => (number === 62 ? 11 * HOURS : 0));
    // The next block is earlier than that.
    const told = ledgerOf(...all);
    await watch(told);
    expect([tipOf(told), lateBy(told, 62, all[0] as FakeChain)]).toEqual([70, 0]);
  });

  it("of the tip, is left where what comes next is earlier, and overruled by two", async () => {
    const all = chainsOf(3);
    shifted(all[0] as FakeChain, "headers", (number) => (number === 70 ? 11 * HOURS : 0));
    const told = ledgerOf(...all);
    await told.steps(3);
    for (const each of all) each.grow(5, 5);
    await watch(told);
    expect([tipOf(told), lateBy(told, 70, all[0] as FakeChain)]).toEqual([75, 0]);
  });

  it("and then a third one, is not taken at its word: what two agree on is read from one that says it", async () => {
    const all = chainsOf(3);
    const [liar] = all as [FakeChain];
    shifted(liar, "headers", (number) => (number === 70 ? 11 * HOURS : 0));
    const told = ledgerOf(...all);
    await told.steps(1);
    shifted(liar, "headers", (number) => (number === 70 ? 5 * HOURS : 0));
    await told.steps(2);
    expect([0, 11 * HOURS]).toContain(lateBy(told, 70, liar));
    liar.fault = undefined;
    for (const each of all) each.grow(5, 5);
    await watch(told);
    expect([tipOf(told), lateBy(told, 70, liar)]).toEqual([75, 0]);
  });
});

describe("a dispute about a time", () => {
  it.each([1, 10, 40])("is ended by two that agree, however long one of them was away (%i looks)", async (looks) => {
    const all = chainsOf(2);
    for (const each of all) shifted(each, "headers", (number) => (number === 70 ? 11 * HOURS : 0));
    const told = ledgerOf(...all);
    await told.steps(1);
    const [first, second] = all as [FakeChain, FakeChain];
    first.fault = undefined;
    second.fault = away;
    await watch(told, looks);
    second.fault = undefined;
    for (const each of all) each.grow(5, 5);
    await watch(told, 4);
    expect([tipOf(told), lateBy(told, 70, first)]).toEqual([75, 0]);
  });
});

describe("the time of a block without logs", () => {
  it("is compared when it is settled, as the end of a range", async () => {
    const all = chainsOf(2, { quiet: 60, more: 10, pauseSec: 72 * HOURS });
    const [liar] = all as [FakeChain];
    shifted(liar, "headers", (number) => (number === 60 ? 3 * HOURS : 0));
    const told = ledgerOf(...all);
    await watch(told);
    expect(lateBy(told, 60, liar) === 0 || (told.settled() ?? 0) < 60).toBe(true);
    liar.fault = undefined;
    for (const each of all) each.reorg(60, 12, 77);
    await watch(told);
    expect([tipOf(told), told.settled()]).toEqual([72, 62]);
  });

  it("is not settled by one reading's word for it, where the first reading had no row of it", async () => {
    const [chain] = chainsOf(1, { quiet: 40, more: 30, pauseSec: 72 * HOURS }) as [FakeChain];
    const told = ledgerOf(chain);
    const { keeper } = told.ledger;
    await told.ledger.step();
    // As where ranges are long: only events and ends are rows.
    told.ledger.store.db.exec("delete from processed_blocks where block_number = 40 and event_count = 0");
    const reread = told.port.refetch.bind(told.port);
    // What is read a second time ends there, and is half a day late, in no other answer.
    told.port.refetch = async function* (from, to, ...others) {
      for await (const range of reread(from, from <= 40 ? 40 : to, ...others)) {
        const late = range.end.number === 40 ? 11 * HOURS : 0;
        yield { ...range, end: { ...range.end, timestampSec: range.end.timestampSec + late } };
      }
    };
    const settled: (readonly [number, number])[] = [];
    const settleUpTo = keeper.settleUpTo.bind(keeper);
    keeper.settleUpTo = (end) => {
      settled.push([end.number, end.timestampSec]);
      settleUpTo(end);
    };
    await watch(told, 12);
    expect(settled).toContainEqual([40, chain.blocks[40]?.timestampSec]);
    expect(told.settled()).toBe(60);
  });

  it("is compared where the chain is final at once", async () => {
    const all = chainsOf(2);
    for (const each of all) each.finalized = 70;
    shifted(all[0] as FakeChain, "headers", (number) => (number === 70 ? HOURS / 2 : 0));
    const told = ledgerOf(...all);
    await watch(told, 8);
    expect(lateBy(told, 70, all[0] as FakeChain) === 0 || (told.settled() ?? 0) < 70).toBe(true);
    (all[0] as FakeChain).fault = undefined;
    for (const each of all) {
      each.grow(5, 5);
      each.finalized = 75;
    }
    await watch(told);
    expect([tipOf(told), told.settled(), lateBy(told, 75, all[0] as FakeChain)]).toEqual([75, 75, 0]);
  });

  it("as one second reader says it, does not keep another block from being repaired", async () => {
    const make = (): FakeChain => {
      const chain = new FakeChain({ isProvable: false });
      chain.grow(22, 11);
      while (chain.head.timestampSec < 1_767_225_600 + 24 * HOURS) chain.growEmpty(1);
      chain.grow(70 - chain.head.number, 12);
      return chain;
    };
    const [first, liar, other] = [make(), make(), make()] as const;
    const closing = first.blocks.findIndex(({ timestampSec }) => timestampSec >= 1_767_225_600 + 24 * HOURS);
    const told = ledgerOf(first, liar, other);
    first.fault = (method, _params, result) =>
      method !== "eth_getLogs"
        ? result
        : (result as { blockNumber: string; logIndex: string }[]).filter(
            (log) => Number(log.blockNumber) !== 20 || Number(log.logIndex) !== 1,
          );
    await told.ledger.step({ until: closing });
    first.fault = undefined;
    await told.ledger.step({ until: closing + 1 });
    shifted(liar, "headers", (number) => (number === closing ? -15 * HOURS : 0));
    await watch(told, 40);
    expect([tipOf(told), told.settled()]).toEqual([70, 60]);
    expect(told.ledger.dump()).toBe(await straight(other));
  });
});

describe("what is read again for a wrong time", () => {
  it("is nothing where the chain moved on below it", async () => {
    const chain = grown(false);
    const told = ledgerOf(chain);
    await told.ledger.step({ until: 50 });
    shifted(chain, "both", (number) => (number > 50 ? 11 * HOURS : 0));
    chain.finalized = 60;
    for (let i = 0; i < 3; i++) await told.ledger.step();
    const final = told.ledger.store.config.get("final_hash");
    chain.reorg(68, 3, 77);
    let [byHash, hasMoved] = [0, false];
    chain.fault = (method, _params, result) => {
      if (method === "eth_getBlockByHash") byHash += 1;
      return result;
    };
    const blocksAt = told.port.blocksAt.bind(told.port);
    // Right after the last block whose time stands was found, another fork begins below the final block.
    told.port.blocksAt = async (numbers, signal) => {
      const found = await blocksAt(numbers, signal);
      if (byHash >= 2 && !hasMoved && numbers.length > 1) {
        hasMoved = true;
        chain.reorg(55, 20, 78);
      }
      return found;
    };
    const codes: string[] = [];
    for (let i = 0; i < 4; i++)
      await told.ledger.step().catch((error: { code: string }) => {
        codes.push(error.code);
      });
    expect([hasMoved, codes]).toEqual([true, ["TIME_DISPUTED", "DEEP_REORG", "DEEP_REORG", "DEEP_REORG"]]);
    expect(told.ledger.store.blocks.at(60)?.hash).toBe(final);
    expect(told.ledger.store.db.prepare("select count(*) from reorgs").pluck().get()).toBe(0);
  });

  it("goes with an accepted fork below the final block as a whole: nothing is left out in between", async () => {
    const chain = grown(false);
    const told = ledgerOf(chain);
    const { ledger } = told;
    await ledger.step({ until: 40 });
    shifted(chain, "both", (number) => (number > 40 ? 30 * HOURS : 0));
    await ledger.step();
    chain.finalized = 60;
    for (let i = 0; i < 2; i++) await ledger.step();
    chain.fault = undefined;
    chain.reorg(50, 22, 99);
    const acceptDeepReorg = toHash(chain.blocks[51]?.hash ?? "");
    for (let i = 0; i < 6; i++) await ledger.step({ acceptDeepReorg });
    const events = ({ store }: typeof ledger): unknown =>
      store.db.prepare("select block_number, log_index, event from lp_events order by 1, 2").all();
    const fresh = ledgerOf(chain);
    for (let i = 0; i < 6; i++) await fresh.ledger.step();
    expect(events(ledger)).toEqual(events(fresh.ledger));
    const reorgs = ledger.store.db.prepare("select common_block, depth, new_tip_hash from reorgs").all();
    expect(reorgs).toEqual([{ common_block: 50, depth: 20, new_tip_hash: chain.head.hash }]);
  });
});
