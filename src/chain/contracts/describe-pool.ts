import type { Abi } from "viem";
import { type Address, toAddress } from "../../core/hex.ts";
import type { ProtocolName } from "../../core/programme/programme.ts";
import type { ContractReader } from "./contract-reader.ts";
import { ContractSigns } from "./signs.ts";
import { call } from "./view-functions.ts";

/** A pool as its contract describes itself: by which protocol, and its tokens in the pool's order. */
export interface Described {
  readonly protocol: ProtocolName;
  readonly tokens: readonly Address[];
  /** The ERC-20 whose holders are the providers, where that is not the pool itself and the pool names it. */
  readonly shareToken: Address | null;
  /** Of pools that a factory made; of Uniswap V4 the PoolManager. */
  readonly factory: Address | null;
}

const COINS_MAX = 8;

/** What a contract says of itself as a pool; null where it has the signs of no protocol. */
export async function describePool(
  reader: ContractReader,
  address: Address,
  signal: AbortSignal,
): Promise<Described | null> {
  const [protocol] = await new ContractSigns(reader).fitting(address, signal);
  if (protocol === undefined) return null;
  const named = ["token0", "token1", "asset", "lp_token", "token", "factory"] as const;
  const numbers = Array.from({ length: COINS_MAX }, (_, i) => i);
  const coins = (input: string) =>
    numbers.map((i) => call(address, { name: "coins", inputs: [input], output: "address" }, [BigInt(i)]));
  const said = await reader.views(
    [...named.map((name) => call(address, { name, output: "address" })), ...coins("uint256"), ...coins("int128")],
    signal,
  );
  const [token0, token1, asset, lpToken, token, factory] = said;
  const all = said.slice(named.length);
  const isCurve = protocol.startsWith("curve");
  const tokens =
    protocol === "erc4626"
      ? [asset]
      : isCurve
        ? [all.slice(0, COINS_MAX), all.slice(COINS_MAX)].map(before).find(({ length }) => length > 0)
        : [token0, token1];
  if (tokens === undefined || tokens.some((each) => each == null)) return null;
  const shareToken = protocol === "curve" ? (lpToken ?? token ?? null) : null;
  return {
    protocol,
    tokens: tokens.map(toAddress),
    shareToken: shareToken === null ? null : toAddress(shareToken),
    factory: factory == null ? null : toAddress(factory),
  };
}

/** A pool's key as Uniswap V4's PositionManager keeps it by the first 25 bytes of the pool's id. */
const POOL_KEYS: Abi = [
  {
    type: "function",
    stateMutability: "view",
    name: "poolKeys",
    inputs: [{ name: "", type: "bytes25" }],
    outputs: ["address", "address", "uint24", "int24", "address"].map((type) => ({ name: "", type })),
  },
];
const KEY_DIGITS = 50;

/** What a position manager knows of a pool of its singleton; null where it never held a position in it. */
export async function describeSingletonPool(
  reader: ContractReader,
  id: Address,
  manager: Address,
  signal: AbortSignal,
): Promise<Described | null> {
  const [poolManager, key] = await reader.views(
    [
      call(manager, { name: "poolManager", output: "address" }),
      {
        to: manager,
        abi: POOL_KEYS,
        functionName: "poolKeys",
        args: [id.slice(0, 2 + KEY_DIGITS)],
        pick: (found) => (found as readonly unknown[]).join(" "),
      },
    ],
    signal,
  );
  const [token0, token1, , tickSpacing] = key?.split(" ") ?? [];
  if (poolManager == null || tickSpacing === undefined || tickSpacing === "0") return null;
  return {
    protocol: "uniswap-v4",
    tokens: [token0, token1].map(toAddress),
    shareToken: null,
    factory: toAddress(poolManager),
  };
}

/** Those before the first that is not answered. */
function before(answers: readonly (string | null)[]): readonly (string | null)[] {
  const end = answers.indexOf(null);
  return end === -1 ? answers : answers.slice(0, end);
}
