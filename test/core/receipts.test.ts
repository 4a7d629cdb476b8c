import { describe, expect, it } from "vitest";
import type { Log } from "../../src/core/chain.ts";
import { managerShapes } from "../../src/core/decode/position-manager.ts";
import { applyTransaction, routesOf, topicsHeard } from "../../src/core/decode/transaction.ts";
import { uniswapV2Shapes } from "../../src/core/decode/uniswap-v2.ts";
import { uniswapV3Shapes } from "../../src/core/decode/uniswap-v3.ts";
import { decodeWords } from "../../src/core/decode/words.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";
import { emptyBooks } from "../support/empty-books.ts";
import { testProgramme } from "../support/ledger.ts";
import { sharedFile } from "../support/shared.ts";

interface Receipt {
  readonly receipt: { readonly logs: readonly RawLog[] };
}

interface RawLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly logIndex: string;
  readonly transactionHash: string;
}

const text = sharedFile("receipts.json");
const receipts = Object.entries(JSON.parse(text ?? "{}") as Record<string, Receipt>);

function logsOf({ receipt }: Receipt): readonly Log[] {
  return receipt.logs.map((raw) => ({
    address: toAddress(raw.address),
    topics: raw.topics.map((topic) => topic.toLowerCase()),
    data: raw.data.toLowerCase(),
    logIndex: Number(raw.logIndex),
    transactionHash: toHash(raw.transactionHash),
  }));
}

describe.skipIf(text === undefined)("real receipts", () => {
  const shapes = new Map([...uniswapV3Shapes, ...managerShapes, ...uniswapV2Shapes]);

  it("decode: every Uniswap log in them has the shape its topic promises", () => {
    const names = new Map<string, number>();
    const TRANSFER = [...uniswapV2Shapes.values()].find((shape) => shape.name === "Transfer")?.topic0;
    for (const [, receipt] of receipts) {
      for (const log of logsOf(receipt)) {
        const shape = shapes.get(log.topics[0] ?? "");
        // Transfer is everybody's: ERC-20 and ERC-721 share the topic and differ in shape.
        if (shape === undefined || shape.topic0 === TRANSFER) continue;
        if (shape.name === "Mint" && log.data.length !== shape.dataLength) continue; // A lending market's, see below.
        expect(Object.keys(decodeWords(shape, log)).length).toBe(shape.fields.length);
        names.set(shape.name, (names.get(shape.name) ?? 0) + 1);
      }
    }
    for (const name of ["Mint", "Burn", "Sync", "IncreaseLiquidity", "DecreaseLiquidity", "Collect", "Swap"]) {
      expect(names.get(name) ?? 0, name).toBeGreaterThan(0);
    }
  });

  it("match: each change of a position NFT follows a pool log with the same numbers", () => {
    let matched = 0;
    for (const [, receipt] of receipts) {
      const logs = logsOf(receipt).map((log) => {
        const shape = uniswapV3Shapes.get(log.topics[0] ?? "") ?? managerShapes.get(log.topics[0] ?? "");
        return shape === undefined || shape.name === "Transfer"
          ? undefined
          : { log, name: shape.name, values: decodeWords(shape, log) };
      });
      // Forks with pool events of their own have nothing we could match; a programme cannot name them.
      if (!logs.some((each) => each?.name === "Mint" || each?.name === "Burn")) continue;
      logs.forEach((change, i) => {
        if (change?.name !== "IncreaseLiquidity" && change?.name !== "DecreaseLiquidity") return;
        const name = change.name === "IncreaseLiquidity" ? "Mint" : "Burn";
        const made = logs
          .slice(0, i)
          .findLast((each) => each?.name === name && each.values["owner"] === change.log.address);
        expect(made?.values["amount"]).toBe(change.values["liquidity"]);
        expect([made?.values["amount0"], made?.values["amount1"]]).toEqual([
          change.values["amount0"],
          change.values["amount1"],
        ]);
        matched += 1;
      });
    }
    expect(matched).toBeGreaterThanOrEqual(8);
  });

  it("book nothing for look-alikes: the topic of a V2 Mint from a lending market, or any log of an address we do not follow", () => {
    const programme = testProgramme();
    const routes = routesOf(programme);
    const heard = new Set(topicsHeard(programme));
    const mint = [...uniswapV2Shapes.values()].find((shape) => shape.name === "Mint")?.topic0;
    let lookAlikes = 0;
    for (const [, receipt] of receipts) {
      const logs = logsOf(receipt);
      const sync = logs.some((log) => uniswapV2Shapes.get(log.topics[0] ?? "")?.name === "Sync");
      if (logs.some((log) => log.topics[0] === mint) && !sync) lookAlikes += 1;
      expect(logs.some((log) => heard.has(log.topics[0] ?? ""))).toBe(true);
      const { events, postings } = applyTransaction(emptyBooks(), routes, logs, { blockNumber: 1 });
      expect([events.length, postings.length]).toEqual([0, 0]);
    }
    expect(lookAlikes).toBeGreaterThanOrEqual(2);
  });
});
