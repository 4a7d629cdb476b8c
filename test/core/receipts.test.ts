import { describe, expect, it } from "vitest";
import type { Log } from "../../src/core/chain.ts";
import { managerShapes } from "../../src/core/decode/position-manager.ts";
import { PROTOCOLS } from "../../src/core/decode/protocols.ts";
import { relevantTopics, routesOf } from "../../src/core/decode/routes.ts";
import { applyTransaction } from "../../src/core/decode/transaction.ts";
import { uniswapV2Shapes } from "../../src/core/decode/uniswap-v2.ts";
import { uniswapV3Shapes } from "../../src/core/decode/uniswap-v3.ts";
import { decodeWords, type Values } from "../../src/core/decode/words.ts";
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

/** Topics that many contracts share, so that the topic alone says nothing of the shape. */
const SHARED = new Set(["Transfer", "Mint", "Burn", "Deposit", "Withdraw"]);

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

  it("decode on every other protocol: V4, both kinds of Curve pools, Solidly's family, PancakeSwap V3", () => {
    const names = new Map<string, number>();
    for (const [, receipt] of receipts) {
      for (const log of logsOf(receipt)) {
        for (const { name: protocol, shapes: known } of PROTOCOLS.values()) {
          const shape = known.get(log.topics[0] ?? "");
          if (shape === undefined || SHARED.has(shape.name)) continue;
          const values = decodeWords(shape, log);
          expect(Object.keys(values).length).toBe(shape.fields.length);
          const key = `${protocol} ${shape.name}`;
          names.set(key, (names.get(key) ?? 0) + 1);
        }
      }
    }
    const counts = Object.fromEntries(names);
    expect(counts).toMatchObject({
      "uniswap-v4 Initialize": 2,
      "uniswap-v4 ModifyLiquidity": 354,
      "uniswap-v4 Swap": 15,
      "curve-ng AddLiquidity": 3,
      "curve-ng RemoveLiquidityOne": 2,
      "curve AddLiquidity": 6,
      "curve RemoveLiquidityOne": 3,
      "curve TokenExchange": 2,
      "solidly Sync": 19,
      "aerodrome Fees": 10,
      "aerodrome Swap": 10,
      "pancake-v3 Swap": 1,
    });
  });

  it("hold the identities of a Solidly swap: the reserves move by what came in, less the fees that leave", () => {
    let swaps = 0;
    for (const [, receipt] of receipts) {
      const last = new Map<string, Values>();
      const fees = new Map<string, [bigint, bigint]>();
      for (const log of logsOf(receipt)) {
        const shape = PROTOCOLS.get("aerodrome")?.shapes.get(log.topics[0] ?? "");
        if (shape === undefined || !["Sync", "Fees", "Swap"].includes(shape.name)) continue;
        const values = decodeWords(shape, log);
        if (shape.name === "Fees") fees.set(log.address, [values["amount0"] as bigint, values["amount1"] as bigint]);
        if (shape.name === "Swap") {
          expect(last.get(log.address), "a Sync before the Swap").toBeDefined();
          const [fee0, fee1] = fees.get(log.address) ?? [0n, 0n];
          // The fee is a small part of what came in, on the side it came in.
          expect(fee0 * 50n <= (values["amount0In"] as bigint) && fee1 * 50n <= (values["amount1In"] as bigint)).toBe(
            true,
          );
          swaps += 1;
        }
        if (shape.name === "Sync") last.set(log.address, values);
      }
    }
    expect(swaps).toBe(10);
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
    const heard = new Set(relevantTopics(programme));
    const mint = [...uniswapV2Shapes.values()].find((shape) => shape.name === "Mint")?.topic0;
    let lookAlikes = 0;
    for (const [, receipt] of receipts) {
      const logs = logsOf(receipt);
      const sync = logs.some((log) => uniswapV2Shapes.get(log.topics[0] ?? "")?.name === "Sync");
      if (logs.some((log) => log.topics[0] === mint) && !sync) lookAlikes += 1;
      expect(logs.some((log) => heard.has(log.topics[0] ?? ""))).toBe(true);
      const { events, postings } = applyTransaction(emptyBooks(), routes, logs, { blockNumber: 1, timestampSec: 1 });
      expect([events.length, postings.length]).toEqual([0, 0]);
    }
    expect(lookAlikes).toBeGreaterThanOrEqual(2);
  });
});
