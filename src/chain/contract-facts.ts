import type { Abi } from "viem";
import { type AddressFacts, kindOfCode } from "../core/address-facts.ts";
import { type Address, toAddress } from "../core/hex.ts";
import { plainText } from "../core/plain-text.ts";
import type { ProtocolName, Wrapper, WrapperKind } from "../core/programme.ts";
import type { ContractReader, ViewCall } from "./calls.ts";

/** A view function by name, with the types of its arguments and of the first value it returns. */
interface ViewFunction {
  readonly name: string;
  readonly inputs?: readonly string[];
  readonly output: "address" | "uint256" | "string" | "bytes32" | "bool";
}

/** What a question is called where nobody answers it: as it stands in the programme's `confirmed`. */
export function questionName(contract: Address, functionName: string): string {
  return `${contract} ${functionName}()`;
}

function call(to: Address, { name, inputs = [], output }: ViewFunction, args: readonly unknown[] = []): ViewCall {
  const typed = (type: string) => ({ name: "", type });
  const abi = [
    { type: "function", stateMutability: "view", name, inputs: inputs.map(typed), outputs: [typed(output)] },
  ] as unknown as Abi;
  const pick = (result: unknown): string =>
    output === "address"
      ? toAddress(result)
      : output === "bytes32"
        ? textOf(String(result))
        : plainText(String(result));
  return { to, abi, functionName: name, args, pick };
}

/** The text in 32 bytes, as early tokens give their symbol. @throws where it is none */
function textOf(bytes32: string): string {
  const text = Buffer.from(bytes32.slice(2), "hex").toString("utf8").replace(/\0+$/, "");
  if (text === "" || /[^\x20-\x7e]/.test(text)) throw new Error("no text");
  return text;
}

/** By which functions contracts of a protocol are known: those that answer, and those that only another one's answer. */
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
  ["curve-ng", { answers: ["totalSupply"], silent: ["getReserves", "slot0", "asset"] }],
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

/** What signs are asked with: the spacing of the fee of 0.05 %. */
const SIGN_INPUTS: Readonly<Record<string, { readonly inputs: readonly string[]; readonly args: readonly unknown[] }>> =
  {
    feeAmountTickSpacing: { inputs: ["uint24"], args: [500n] },
  };

/** The same of wrappers that name what they hold by the same function: Curve's first gauges are no tokens themselves. */
const WRAPPER_SIGNS: ReadonlyMap<WrapperKind, Signs> = new Map([
  ["curve-gauge-v1", { answers: [], silent: ["decimals"] }],
  ["curve-gauge", { answers: ["decimals"], silent: [] }],
]);

/** ERC-165's number of the interface of ERC-721. */
const NFT_INTERFACE = "0x80ac58cd";

/** Which function of a wrapper names the token it holds. */
const HELD_BY: Readonly<Record<WrapperKind, ViewFunction>> = {
  "staking-rewards": { name: "stakingToken", output: "address" },
  masterchef: { name: "poolInfo", inputs: ["uint256"], output: "address" },
  "masterchef-v2": { name: "lpToken", inputs: ["uint256"], output: "address" },
  "curve-gauge-v1": { name: "lp_token", output: "address" },
  "curve-gauge": { name: "lp_token", output: "address" },
  "uniswap-v3-staker": { name: "nonfungiblePositionManager", output: "address" },
};

/** A pool as its contract describes itself: its kind and its tokens. */
export interface Described {
  readonly protocol: "uniswap-v2" | "uniswap-v3" | "erc4626";
  readonly tokens: readonly Address[];
}

/** A proxy has a handful of phases; what says more is none. */
const PHASES_MAX = 100;

/** By what is answered: kinds of contracts that hold liquidity, the surest first. */
const KINDS: readonly (readonly [functionName: string, what: string])[] = [
  ["getThreshold", "a Safe"],
  ["nonfungiblePositionManager", "a staker of position NFTs"],
  ["stakingToken", "staking rewards"],
  ["lp_token", "a Curve gauge"],
  ["asset", "an ERC-4626 vault"],
  ["poolLength", "a MasterChef"],
  ["token0", "a pool or a vault of one"],
];

/** What contracts say of themselves at the head. No answer is null, and never a value. */
export class ContractFacts {
  readonly #reader: ContractReader;

  constructor(reader: ContractReader) {
    this.#reader = reader;
  }

  /** A token's decimals and symbol, the symbol as text or as the 32 bytes that early tokens give. */
  async token(
    address: Address,
    signal: AbortSignal,
  ): Promise<{ readonly decimals: number | null; readonly symbol: string | null }> {
    const [decimals, symbol, early] = await this.#views(
      [
        call(address, { name: "decimals", output: "uint256" }),
        call(address, { name: "symbol", output: "string" }),
        call(address, { name: "symbol", output: "bytes32" }),
      ],
      signal,
    );
    return { decimals: decimals == null ? null : Number(decimals), symbol: symbol ?? early ?? null };
  }

  /** Which functions that a protocol's contracts have are not answered, and which are that they do not have. */
  async signs(address: Address, protocol: ProtocolName, signal: AbortSignal): Promise<SignsSeen> {
    return await this.#signs(address, SIGNS.get(protocol), signal);
  }

  /** The same of a factory. */
  async factorySigns(address: Address, protocol: ProtocolName, signal: AbortSignal): Promise<SignsSeen> {
    return await this.#signs(address, FACTORY_SIGNS.get(protocol), signal);
  }

  /** The same of a wrapper. */
  async wrapperSigns({ address, kind }: Wrapper, signal: AbortSignal): Promise<SignsSeen> {
    return await this.#signs(address, WRAPPER_SIGNS.get(kind), signal);
  }

  /** Whether a contract says that its tokens are NFTs. */
  async isNftContract(address: Address, signal: AbortSignal): Promise<boolean | null> {
    const supports: ViewFunction = { name: "supportsInterface", inputs: ["bytes4"], output: "bool" };
    const [answer] = await this.#views([call(address, supports, [NFT_INTERFACE])], signal);
    return answer == null ? null : answer === "true";
  }

  async #signs(address: Address, signs: Signs | undefined, signal: AbortSignal): Promise<SignsSeen> {
    const { answers, silent } = signs ?? { answers: [], silent: [] };
    const asked = [...answers, ...silent];
    const said = await this.#views(
      asked.map((name) => {
        const { inputs = [], args = [] } = SIGN_INPUTS[name] ?? {};
        return call(address, { name, inputs, output: "uint256" }, args);
      }),
      signal,
    );
    const isAnswered = (name: string): boolean => said[asked.indexOf(name)] != null;
    return {
      unanswered: answers.filter((name) => !isAnswered(name)),
      contradicting: silent.filter(isAnswered),
    };
  }

  /** What a function without arguments answers with an address. */
  async address(contract: Address, functionName: string, signal: AbortSignal): Promise<Address | null> {
    const [answer] = await this.#views([call(contract, { name: functionName, output: "address" })], signal);
    return answer == null ? null : toAddress(answer);
  }

  /** The token a wrapper holds, or the position manager of a staker, and the function that names it. */
  async heldBy(
    { address, kind, pid }: Wrapper,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly token: Address | null }> {
    const { name, inputs, output } = HELD_BY[kind];
    const args = inputs === undefined ? [] : [pid ?? 0n];
    const [answer] = await this.#views([call(address, { name, output, ...(inputs && { inputs }) }, args)], signal);
    return { name, token: answer == null ? null : toAddress(answer) };
  }

  /** What kind of pool a contract is, and its tokens; null where it is none of the kinds that tell. */
  async describe(address: Address, signal: AbortSignal): Promise<Described | null> {
    const [slot0, reserves, token0, token1, asset] = await this.#views(
      [
        call(address, { name: "slot0", output: "uint256" }),
        call(address, { name: "getReserves", output: "uint256" }),
        call(address, { name: "token0", output: "address" }),
        call(address, { name: "token1", output: "address" }),
        call(address, { name: "asset", output: "address" }),
      ],
      signal,
    );
    const pair = token0 != null && token1 != null;
    const protocol =
      pair && slot0 != null
        ? "uniswap-v3"
        : pair && reserves != null
          ? "uniswap-v2"
          : asset != null
            ? "erc4626"
            : undefined;
    if (protocol === undefined) return null;
    return { protocol, tokens: (protocol === "erc4626" ? [asset] : [token0, token1]).map(toAddress) };
  }

  /** The aggregator a Chainlink proxy has in force, and those of all its phases; null where it is no such proxy. */
  async feed(
    proxy: Address,
    signal: AbortSignal,
  ): Promise<{ readonly aggregator: Address; readonly phases: readonly Address[] } | null> {
    const [aggregator, phaseId] = await this.#views(
      [call(proxy, { name: "aggregator", output: "address" }), call(proxy, { name: "phaseId", output: "uint256" })],
      signal,
    );
    if (aggregator == null) return null;
    const numbers = Array.from({ length: Math.min(PHASES_MAX, Number(phaseId ?? 0)) }, (_, i) => i + 1);
    const phase: ViewFunction = { name: "phaseAggregators", inputs: ["uint16"], output: "address" };
    const phases = await this.#views(
      numbers.map((number) => call(proxy, phase, [number])),
      signal,
    );
    return {
      aggregator: toAddress(aggregator),
      phases: phases.flatMap((each) => (each === null ? [] : toAddress(each))),
    };
  }

  /** What stands behind some addresses. */
  async behind(addresses: readonly Address[], signal: AbortSignal): Promise<readonly AddressFacts[]> {
    const codes = await this.#reader.codes(addresses, signal);
    const kinds = codes.map(kindOfCode);
    const contracts = addresses.filter((_, i) => kinds[i] === "contract");
    const calls = contracts.flatMap((address) => KINDS.map(([name]) => call(address, { name, output: "uint256" })));
    const answers = await this.#views(calls, signal);
    return addresses.map((address, i): AddressFacts => {
      const kind = kinds[i] ?? "wallet";
      const at = contracts.indexOf(address) * KINDS.length;
      const known = kind === "contract" ? KINDS.findIndex((_, k) => answers[at + k] != null) : -1;
      return { address, kind, what: KINDS[known]?.[1] ?? null };
    });
  }

  #views(calls: readonly ViewCall[], signal: AbortSignal): Promise<readonly (string | null)[]> {
    return this.#reader.views(calls, signal);
  }
}
