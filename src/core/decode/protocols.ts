import type { ProtocolName } from "../programme/programme.ts";
import { CurveLogs, curveNgShapes, curveShapes } from "./curve.ts";
import { managerShapes } from "./position-manager.ts";
import type { BeginDecoder, DecodeAlone, Protocol } from "./reading.ts";
import { erc20Shapes, erc4626Shapes, ShareLogs } from "./shares.ts";
import { aerodromeShapes, PairLogs, solidlyShapes, uniswapV2Shapes } from "./uniswap-v2.ts";
import { PoolLogs, pancakeV3Shapes, uniswapV3Shapes } from "./uniswap-v3.ts";
import { SingletonLogs, uniswapV4Shapes, uniswapV4TokenShapes } from "./uniswap-v4.ts";
import { swapAlone } from "./v3-swap.ts";
import type { Shapes } from "./words.ts";

const pairs: BeginDecoder = (reading) => new PairLogs(reading);
const concentrated: BeginDecoder = (reading) => new PoolLogs(reading);
const singleton: BeginDecoder = (reading) => new SingletonLogs(reading);
const curve: BeginDecoder = (reading) => new CurveLogs(reading);
const shares: BeginDecoder = (reading) => new ShareLogs(reading);
const swaps = (shapes: Shapes, feeWords: number): ReadonlyMap<string, DecodeAlone> =>
  new Map(
    [...shapes.values()].filter(({ name }) => name === "Swap").map(({ topic0 }) => [topic0, swapAlone(feeWords)]),
  );
const V2 = { form: "reserves", tokens: [2, 2], begin: pairs, valuations: ["balances"] } as const;
const V3 = {
  form: "ticks",
  tokens: [2, 2],
  begin: concentrated,
  managers: managerShapes,
  valuations: ["balances"],
} as const;

/** Every protocol that can be followed. */
// biome-ignore format: a table, one protocol a line
const TABLE: readonly Protocol[] = [
  { name: "uniswap-v2", ...V2, shapes: uniswapV2Shapes, prices: true, factories: true, caveats: ["fee-on-transfer", "no-locked-minimum", "other-protocol-fee"] },
  { name: "solidly", ...V2, shapes: solidlyShapes, caveats: ["fee-on-transfer"] },
  { name: "aerodrome", ...V2, shapes: aerodromeShapes, caveats: ["fee-on-transfer"] },
  { name: "uniswap-v3", ...V3, shapes: uniswapV3Shapes, alone: swaps(uniswapV3Shapes, 0), prices: true, factories: true, caveats: ["rebasing-token"] },
  { name: "pancake-v3", ...V3, shapes: pancakeV3Shapes, alone: swaps(pancakeV3Shapes, 2), prices: true, factories: true, caveats: ["rebasing-token"] },
  { name: "uniswap-v4", ...V3, begin: singleton, shapes: uniswapV4Shapes, managers: uniswapV4TokenShapes, prices: true, factories: true, caveats: ["hook-holds-value"] },
  { name: "curve-ng", form: "shares", tokens: [2, 8], begin: curve, shapes: curveNgShapes, valuations: ["share-value", "balances"], caveats: ["share-value-may-fall"] },
  { name: "curve", form: "shares", tokens: [2, 4], begin: curve, shapes: curveShapes, ownShareToken: true, valuations: ["share-value"], caveats: ["share-value-may-fall"] },
  { name: "erc20", form: "shares", burnsAtZero: true, tokens: [1, 1], begin: shares, shapes: erc20Shapes, valuations: ["share-value"], caveats: [] },
  { name: "erc4626", form: "shares", burnsAtZero: true, tokens: [1, 1], begin: shares, shapes: erc4626Shapes, valuations: ["share-value"], caveats: ["other-share-flow"] },
];

export const PROTOCOLS: ReadonlyMap<ProtocolName, Protocol> = new Map(TABLE.map((line) => [line.name, line]));

/** The table's line of a protocol. */
export function protocolOf({ protocol }: { readonly protocol: ProtocolName }): Protocol {
  const found = PROTOCOLS.get(protocol);
  if (found === undefined) throw new Error(`unreachable: no protocol ${protocol}`);
  return found;
}
