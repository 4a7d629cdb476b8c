import { type AddressFacts, kindOfCode } from "../../core/address-facts.ts";
import { type Address, toAddress } from "../../core/hex.ts";
import type { Wrapper, WrapperKind } from "../../core/programme/programme.ts";
import type { ContractReader, ViewCall } from "./contract-reader.ts";
import { call, type ViewFunction } from "./view-functions.ts";

/** What a question is called where nobody answers it: as it stands in the programme's `confirmed`. */
export function questionName(contract: Address, functionName: string): string {
  return `${contract} ${functionName}()`;
}

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

  /** Whether a contract says that its tokens are NFTs. */
  async isNftContract(address: Address, signal: AbortSignal): Promise<boolean | null> {
    const supports: ViewFunction = { name: "supportsInterface", inputs: ["bytes4"], output: "bool" };
    const [answer] = await this.#views([call(address, supports, [NFT_INTERFACE])], signal);
    return answer == null ? null : answer === "true";
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
