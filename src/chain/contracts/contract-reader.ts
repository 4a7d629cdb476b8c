import type { Abi, Hex } from "viem";
import curveAbi from "../../../abi/curve-stableswap.json" with { type: "json" };
import curveNgAbi from "../../../abi/curve-stableswap-ng.json" with { type: "json" };
import erc20Abi from "../../../abi/erc20.json" with { type: "json" };
import vaultAbi from "../../../abi/erc4626.json" with { type: "json" };
import pairAbi from "../../../abi/uniswap-v2-pair.json" with { type: "json" };
import poolAbi from "../../../abi/uniswap-v3-pool.json" with { type: "json" };
import managerAbi from "../../../abi/uniswap-v3-position-manager.json" with { type: "json" };
import stakerAbi from "../../../abi/uniswap-v3-staker.json" with { type: "json" };
import poolManagerAbi from "../../../abi/uniswap-v4-pool-manager.json" with { type: "json" };
import tokenAbi from "../../../abi/uniswap-v4-position-manager.json" with { type: "json" };
import type { ContractCall } from "../../core/amm/contract-call.ts";
import type { TickRange } from "../../core/amm/ticks.ts";
import { LpLedgerError, shown } from "../../core/errors.ts";
import { type Address, toAddress, ZERO_ADDRESS } from "../../core/hex.ts";
import { hexOf, keccakOfHex } from "../../core/keccak.ts";
import type { Pool } from "../../core/programme/programme.ts";
import { inconsistent } from "../logs/read-logs.ts";
import { classify, isPruned, isUnknownMethod } from "../rpc/classify-errors.ts";
import type { Rpc } from "../rpc/rpc.ts";
import { hex } from "../rpc/rpc-call.ts";

const CALLS_PER_REQUEST = 100;
const OLD_BLOCK_ATTEMPTS = 3;
const HEX = /^0x(?:[0-9a-f]{2})*$/i;
const REVERTED = /revert|invalid token id|nonexistent token|out of gas/i;

/** One call of a view function. */
export interface ViewCall {
  readonly to: Address;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args: readonly unknown[];
  /** Picks the answer out of what the function returns. */
  readonly pick: (result: unknown) => string;
}

/** Reads contract state with `eth_call`, many calls to a request. */
export class ContractReader {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  /** Answers in the order of the questions, as of the end of a block; null where the call reverted. */
  async call(
    questions: readonly ContractCall[],
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]> {
    const answers = await this.#callAll(questions.flatMap(callsOf), hex(blockNumber), signal);
    let next = 0;
    return questions.map(({ kind }) => {
      const answer = answers[next++] ?? null;
      if (kind !== "shares-held") return answer;
      // A token whose zero address has no balance to tell keeps nothing there.
      const atZero = answers[next++] ?? "0";
      return answer === null ? null : `${BigInt(answer) - BigInt(atZero)}`;
    });
  }

  /** What view functions answer at the head; null where a call reverted, or no contract answers so. */
  views(calls: readonly ViewCall[], signal: AbortSignal): Promise<readonly (string | null)[]> {
    return this.#callAll(calls, "latest", signal);
  }

  /** The code at some addresses at the head, as 0x-hex. */
  async codes(addresses: readonly Address[], signal: AbortSignal): Promise<readonly string[]> {
    const answers = await this.#rpc.batch(
      addresses.map((address) => ({ method: "eth_getCode", params: [address, "latest"] })),
      signal,
    );
    return answers.map((answer) => {
      if (typeof answer === "string" && HEX.test(answer)) return answer;
      throw inconsistent(`eth_getCode answered with ${shown(answer)}`);
    });
  }

  /** Whether there is code at an address at a block; null where the node no longer knows. */
  async hasCode(address: Address, blockNumber: number, signal: AbortSignal): Promise<boolean | null> {
    const call = { method: "eth_getCode", params: [address, hex(blockNumber)] };
    const code = await this.#atOldBlock(async () => (await this.#rpc.batch([call], signal))[0], signal);
    if (code === null) return null;
    if (typeof code !== "string" || !HEX.test(code)) throw inconsistent(`eth_getCode answered with ${shown(code)}`);
    return code.length > 2;
  }

  /** Whether a singleton holds a pool at a block; null where the node no longer knows. */
  async hasPool(
    poolManager: Address,
    pool: Address,
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<boolean | null> {
    const slot = view(poolManager, poolManagerAbi as Abi, "extsload", [poolSlot(pool)], (word) =>
      BigInt(word as Hex) === 0n ? "" : "there",
    );
    const answers = await this.#atOldBlock(() => this.#callAll([slot], hex(blockNumber), signal), signal);
    return answers && answers[0] === "there"; // No answer: the singleton itself was not there yet.
  }

  /**
   * What a node says of an old block; null where it no longer has its state. One that refuses in words that nobody
   * knows must refuse it as often as it answers of the head meanwhile. Every other failure is no answer, and thrown.
   */
  async #atOldBlock<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T | null> {
    for (let refused = 1; ; refused++) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof LpLedgerError) || !isPruned(error)) throw error;
        const isCertain = classify(error).kind === "pruned" || isUnknownMethod(error);
        if (isCertain || refused === OLD_BLOCK_ATTEMPTS) return null;
        await this.codes([ZERO_ADDRESS], signal);
      }
    }
  }

  /** The tokens of a pool as its contract names them; undefined where no contract does (a pool inside a singleton). */
  async poolTokens(pool: Pool, signal: AbortSignal): Promise<readonly (string | null)[] | undefined> {
    for (const calls of tokenCalls(pool)) {
      const answers = await this.#callAll(calls, "latest", signal);
      if (answers.some((answer) => answer !== null))
        return answers.map((answer) => (answer === null ? null : answer.toLowerCase()));
    }
    return pool.salted ? undefined : pool.tokens.map(() => null);
  }

  async #callAll(calls: readonly ViewCall[], block: string, signal: AbortSignal): Promise<readonly (string | null)[]> {
    const answers: (string | null)[] = [];
    if (calls.length === 0) return answers;
    // Loaded when it is needed: it takes longer than all else that a start loads.
    const { decodeFunctionResult, encodeFunctionData } = await import("viem/utils");
    for (let i = 0; i < calls.length; i += CALLS_PER_REQUEST) {
      const some = calls.slice(i, i + CALLS_PER_REQUEST);
      const requests = some.map(({ to, abi, functionName, args }) => ({
        method: "eth_call",
        params: [{ to, data: encodeFunctionData({ abi, functionName, args: [...args] }) }, block],
      }));
      const outcomes = await this.#rpc.outcomes(requests, signal);
      outcomes.forEach((outcome, at) => {
        const call = some[at];
        if (call !== undefined) answers.push(answerOf(outcome, call, decodeFunctionResult));
      });
    }
    return answers;
  }
}

function answerOf(
  outcome: LpLedgerError | { result: unknown },
  call: ViewCall,
  decode: (answer: { abi: Abi; functionName: string; data: Hex }) => unknown,
): string | null {
  if (outcome instanceof LpLedgerError) {
    const reverted = outcome.facts["code"] === 3 || REVERTED.test(String(outcome.facts["text"]));
    if (reverted) return null;
    throw outcome;
  }
  const { result } = outcome;
  if (typeof result !== "string" || !HEX.test(result)) throw inconsistent(`eth_call answered with ${shown(result)}`);
  if (result === "0x") return null; // No contract there.
  const { abi, functionName } = call;
  try {
    return call.pick(decode({ abi, functionName, data: result as Hex }));
  } catch {
    return null;
  }
}

function view(to: Address, abi: Abi, functionName: string, args: readonly unknown[], pick: ViewCall["pick"]): ViewCall {
  return { to, abi, functionName, args, pick };
}

/** The ways to ask a pool for its tokens, the likeliest first. */
function tokenCalls({ address, protocol, form, salted, tokens }: Pool): readonly (readonly ViewCall[])[] {
  if (salted) return [];
  if (protocol === "erc20") return [[view(address, erc20Abi as Abi, "totalSupply", [], () => address)]];
  if (protocol === "erc4626") return [[view(address, vaultAbi as Abi, "asset", [], String)]];
  if (form === "shares")
    return [curveNgAbi, curveAbi].map((abi) =>
      tokens.map((_, i) => view(address, abi as Abi, "coins", [BigInt(i)], String)),
    );
  return [["token0", "token1"].map((name) => view(address, pairAbi as Abi, name, [], String))];
}

function callsOf(question: ContractCall): readonly ViewCall[] {
  if (question.kind !== "shares-held") return [callOf(question)];
  const { token } = question;
  return [callOf(question), callOf({ kind: "shares", token, holder: ZERO_ADDRESS })];
}

function callOf(question: ContractCall): ViewCall {
  switch (question.kind) {
    case "share-supply":
    case "shares-held":
      return view(question.token, erc20Abi as Abi, "totalSupply", [], String);
    case "shares":
      return view(question.token, erc20Abi as Abi, "balanceOf", [question.holder], String);
    case "active-liquidity":
      return view(question.pool, poolAbi as Abi, "liquidity", [], String);
    case "pool-price":
      return view(question.pool, poolAbi as Abi, "slot0", [], field(0));
    case "balance":
      return view(question.token, erc20Abi as Abi, "balanceOf", [question.holder], String);
    case "range-liquidity":
      return view(question.pool, poolAbi as Abi, "positions", [keyOf(question)], field(0));
    case "owed":
      return view(question.pool, poolAbi as Abi, "positions", [keyOf(question)], field(3 + question.side));
    case "share-rate":
      return view(question.token, vaultAbi as Abi, "convertToAssets", [BigInt(question.shares)], String);
    case "singleton-active":
      return stored(question.poolManager, slotAfter(poolSlot(question.pool), LIQUIDITY_OFFSET));
    case "singleton-liquidity": {
      const { owner, range, salt } = question;
      const key = keccakOfHex(owner, hexOf(range.tickLower, 3), hexOf(range.tickUpper, 3), salt);
      const positions = slotAfter(poolSlot(question.pool), POSITIONS_OFFSET);
      return stored(question.poolManager, keccakOfHex(key, positions));
    }
    case "singleton-token":
      return view(question.manager, tokenAbi as Abi, "getPositionLiquidity", [BigInt(question.tokenId)], String);
    case "token-liquidity":
      return view(question.manager, managerAbi as Abi, "positions", [BigInt(question.tokenId)], field(7));
    case "token-place":
      return view(question.manager, managerAbi as Abi, "positions", [BigInt(question.tokenId)], (position) => {
        const [, , token0, token1, , tickLower, tickUpper] = position as readonly unknown[];
        return [toAddress(token0), toAddress(token1), tickLower, tickUpper].join(" ");
      });
    case "staked-for":
      return view(question.staker, stakerAbi as Abi, "deposits", [BigInt(question.tokenId)], (deposit) =>
        toAddress((deposit as readonly unknown[])[0]),
      );
    case "token-owner":
      return view(question.manager, managerAbi as Abi, "ownerOf", [BigInt(question.tokenId)], (owner) =>
        toAddress(owner),
      );
  }
}

// Where Uniswap V4's PoolManager keeps its pools, and within one its liquidity and its positions (v4-core
// StateLibrary).
const POOLS_SLOT = 6n;
const LIQUIDITY_OFFSET = 3n;
const POSITIONS_OFFSET = 6n;

function poolSlot(pool: Address): Hex {
  return keccakOfHex(pool, hexOf(POOLS_SLOT, 32));
}

function slotAfter(slot: Hex, words: bigint): Hex {
  return hexOf(BigInt(slot) + words, 32);
}

/** The low 128 bits of a storage slot of the PoolManager: all liquidities lie so. */
function stored(poolManager: Address, slot: Hex): ViewCall {
  return view(poolManager, poolManagerAbi as Abi, "extsload", [slot], (word) =>
    BigInt.asUintN(128, BigInt(word as Hex)).toString(),
  );
}

/** How a Uniswap V3 pool itself names a position. */
function keyOf({ owner, range }: { readonly owner: Address; readonly range: TickRange }): Hex {
  const { tickLower, tickUpper } = range;
  return keccakOfHex(owner, hexOf(tickLower, 3), hexOf(tickUpper, 3));
}

/** One field of a function that returns several. */
function field(index: number): (result: unknown) => string {
  return (result) => String((result as readonly unknown[])[index]);
}
