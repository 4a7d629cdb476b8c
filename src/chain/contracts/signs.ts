import type { Address } from "../../core/hex.ts";
import type { ProtocolName, Wrapper, WrapperKind } from "../../core/programme/programme.ts";
import type { ContractReader, ViewCall } from "./contract-reader.ts";
import { call } from "./view-functions.ts";

/**
 * By which functions contracts of a protocol are known: those that answer, and those that only another one's answer.
 */
interface Signs {
  readonly answers: readonly string[];
  readonly silent: readonly string[];
}

/** Of these functions, which are not answered though they should be, and which are though they should not. */
export interface SignsSeen {
  readonly unanswered: readonly string[];
  readonly contradicting: readonly string[];
}

// biome-ignore format: a table, one protocol a line
const SIGNS: ReadonlyMap<ProtocolName, Signs> = new Map([
  ["uniswap-v2", { answers: ["getReserves"], silent: ["slot0", "stable"] }],
  ["solidly", { answers: ["getReserves", "stable", "fees"], silent: ["slot0", "poolFees"] }],
  ["aerodrome", { answers: ["getReserves", "stable", "poolFees"], silent: ["slot0"] }],
  ["uniswap-v3", { answers: ["slot0", "liquidity"], silent: ["getReserves", "lmPool"] }],
  ["pancake-v3", { answers: ["slot0", "lmPool"], silent: ["getReserves"] }],
  ["curve-ng", { answers: ["totalSupply", "coins"], silent: ["getReserves", "slot0", "asset"] }],
  ["curve", { answers: [], silent: ["totalSupply", "getReserves", "slot0"] }],
  ["erc20", { answers: ["totalSupply"], silent: [] }],
  ["erc4626", { answers: ["asset", "totalSupply"], silent: ["getReserves"] }],
]);

/** The same of factories; a singleton is known by its pools' first logs. */
const FACTORY_SIGNS: ReadonlyMap<ProtocolName, Signs> = new Map([
  ["uniswap-v2", { answers: ["allPairsLength"], silent: [] }],
  ["uniswap-v3", { answers: ["feeAmountTickSpacing"], silent: ["poolDeployer"] }],
  ["pancake-v3", { answers: ["feeAmountTickSpacing", "poolDeployer"], silent: [] }],
]);

/** What signs are asked with: the spacing of the fee of 0.05 %, the first coin. */
const SIGN_INPUTS: Readonly<Record<string, { readonly inputs: readonly string[]; readonly args: readonly unknown[] }>> =
  {
    feeAmountTickSpacing: { inputs: ["uint24"], args: [500n] },
    coins: { inputs: ["uint256"], args: [0n] },
  };

/**
 * The same of wrappers that name what they hold by the same function: Curve's first gauges are no tokens themselves.
 */
const WRAPPER_SIGNS: ReadonlyMap<WrapperKind, Signs> = new Map([
  ["curve-gauge-v1", { answers: [], silent: ["decimals"] }],
  ["curve-gauge", { answers: ["decimals"], silent: [] }],
]);

/** Tells contracts of one protocol from another's by what they answer at the head. */
export class ContractSigns {
  readonly #reader: ContractReader;

  constructor(reader: ContractReader) {
    this.#reader = reader;
  }

  /** Which functions that a protocol's contracts have are not answered, and which are that they do not have. */
  async pool(address: Address, protocol: ProtocolName, signal: AbortSignal): Promise<SignsSeen> {
    return await this.#signs(address, SIGNS.get(protocol), signal);
  }

  /** The same of a factory. */
  async factory(address: Address, protocol: ProtocolName, signal: AbortSignal): Promise<SignsSeen> {
    return await this.#signs(address, FACTORY_SIGNS.get(protocol), signal);
  }

  /** The same of a wrapper. */
  async wrapper({ address, kind }: Wrapper, signal: AbortSignal): Promise<SignsSeen> {
    return await this.#signs(address, WRAPPER_SIGNS.get(kind), signal);
  }

  /**
   * The protocols whose signs a pool has, whoever named it; any token would do as an erc20, so that is never among
   * them.
   */
  async fitting(address: Address, signal: AbortSignal): Promise<readonly ProtocolName[]> {
    const names = [...new Set([...SIGNS.values()].flatMap(({ answers, silent }) => [...answers, ...silent]))];
    const early = call(address, { name: "coins", inputs: ["int128"], output: "uint256" }, [0n]);
    const said = await this.#reader.views([...names.map((name) => signCall(address, name)), early], signal);
    const isAnswered = (name: string): boolean => said[names.indexOf(name)] != null;
    // A pool that is no token itself shows only its coins, which the first ones number otherwise.
    const hasCoins = isAnswered("coins") || said.at(-1) != null;
    return [...SIGNS]
      .filter(([, { answers, silent }]) => answers.every(isAnswered) && !silent.some(isAnswered))
      .map(([protocol]) => protocol)
      .filter((protocol) => protocol !== "erc20" && (protocol !== "curve" || hasCoins));
  }

  async #signs(address: Address, signs: Signs | undefined, signal: AbortSignal): Promise<SignsSeen> {
    const { answers, silent } = signs ?? { answers: [], silent: [] };
    const asked = [...answers, ...silent];
    const said = await this.#reader.views(
      asked.map((name) => signCall(address, name)),
      signal,
    );
    const isAnswered = (name: string): boolean => said[asked.indexOf(name)] != null;
    return {
      unanswered: answers.filter((name) => !isAnswered(name)),
      contradicting: silent.filter(isAnswered),
    };
  }
}

function signCall(address: Address, name: string): ViewCall {
  const { inputs = [], args = [] } = SIGN_INPUTS[name] ?? {};
  return call(address, { name, inputs, output: "uint256" }, args);
}
