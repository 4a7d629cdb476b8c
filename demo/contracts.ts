import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Abi, decodeFunctionResult, encodeDeployData, encodeFunctionData, type Hex } from "viem";
import type { Anvil, Tx } from "./anvil.ts";

const require = createRequire(import.meta.url);

interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

function artifact(path: string): Artifact {
  const json = require(path) as { abi: Abi; bytecode: string | { object: string } };
  const code = typeof json.bytecode === "string" ? json.bytecode : json.bytecode.object;
  return { abi: json.abi, bytecode: (code.startsWith("0x") ? code : `0x${code}`) as Hex };
}

/** The real contracts, as their authors built them, from inside their npm packages. */
export const ARTIFACTS = {
  token: () => artifact("@uniswap/v2-periphery/build/ERC20.json"),
  weth: () => artifact("@uniswap/v2-periphery/build/WETH9.json"),
  pairFactory: () => artifact("@uniswap/v2-core/build/UniswapV2Factory.json"),
  pair: () => artifact("@uniswap/v2-core/build/UniswapV2Pair.json"),
  router: () => artifact("@uniswap/v2-periphery/build/UniswapV2Router02.json"),
  poolFactory: () => artifact("@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json"),
  pool: () => artifact("@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json"),
  manager: () =>
    artifact(
      "@uniswap/v3-periphery/artifacts/contracts/NonfungiblePositionManager.sol/NonfungiblePositionManager.json",
    ),
  swapRouter: () => artifact("@uniswap/v3-periphery/artifacts/contracts/SwapRouter.sol/SwapRouter.json"),
  staker: () => artifact("@uniswap/v3-staker/artifacts/contracts/UniswapV3Staker.sol/UniswapV3Staker.json"),
  stakingRewards: () => artifact("@uniswap/liquidity-staker/build/StakingRewards.json"),
  poolManager: () => artifact("@uniswap/v4-core/out/PoolManager.sol/PoolManager.json"),
  positionManager: () => artifact("@uniswap/v4-periphery/foundry-out/PositionManager.sol/PositionManager.json"),
  singletonSwaps: () => artifact("@uniswap/v4-core/out/PoolSwapTest.sol/PoolSwapTest.json"),
  singletonPositions: () => artifact("@uniswap/v4-core/out/PoolModifyLiquidityTest.sol/PoolModifyLiquidityTest.json"),
  pancakePool: () => artifact("@pancakeswap/v3-core/artifacts/contracts/PancakeV3Pool.sol/PancakeV3Pool.json"),
};

/** Permit2's runtime code, which Uniswap's packages carry only as text; it stands at one address on every chain. */
export function permit2(): { readonly address: Hex; readonly code: Hex } {
  const text = readFileSync(require.resolve("@uniswap/v4-periphery/lib/permit2/test/utils/DeployPermit2.sol"), "utf8");
  const code = /hex"([0-9a-f]+)"/.exec(text)?.[1];
  if (code === undefined) throw new Error("Permit2's code is not where it was");
  return { address: "0x000000000022d473030f116ddee9f6b43ac78ba3", code: `0x${code}` };
}

/** Our own caller of pools, compiled when it is needed. */
export function directMinter(): Artifact {
  return compiled(new URL("DirectMinter.sol", import.meta.url), "DirectMinter");
}

/** What a Solidity file imports from an npm package. */
function packaged(path: string): { readonly contents: string } {
  return { contents: readFileSync(require.resolve(path), "utf8") };
}

/** A contract out of a Solidity file. */
export function compiled(file: URL, name: string): Artifact {
  const solc = require("solc") as { compile(input: string, callbacks: object): string };
  const content = readFileSync(file, "utf8");
  const input = {
    language: "Solidity",
    sources: { source: { content } },
    settings: { evmVersion: "london", outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: packaged })) as {
    contracts: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
  };
  const contract = output.contracts["source"]?.[name];
  if (contract === undefined) throw new Error(`${name} does not compile`);
  return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}

/** A deployed contract: encodes transactions to it and reads from it. */
export class Contract {
  readonly address: Hex;
  readonly #abi: Abi;
  readonly #anvil: Anvil;

  constructor(anvil: Anvil, abi: Abi, address: Hex) {
    this.#anvil = anvil;
    this.#abi = abi;
    this.address = address.toLowerCase() as Hex;
  }

  tx(from: Hex, functionName: string, args: readonly unknown[]): Tx {
    return { from, to: this.address, data: this.data(functionName, args) };
  }

  data(functionName: string, args: readonly unknown[]): Hex {
    return encodeFunctionData({ abi: this.#abi, functionName, args: [...args] });
  }

  async read(functionName: string, args: readonly unknown[] = []): Promise<unknown> {
    const [result] = await this.readAll(functionName, [args]);
    return result;
  }

  /** Calls a view once for each list of arguments, in one request. */
  async readAll(functionName: string, calls: readonly (readonly unknown[])[]): Promise<readonly unknown[]> {
    const requests = calls.map((args) => ({
      method: "eth_call",
      params: [{ to: this.address, data: this.data(functionName, args) }, "latest"],
    }));
    const answers = (await this.#anvil.batch(requests)) as Hex[];
    return answers.map((data) => decodeFunctionResult({ abi: this.#abi, functionName, data }));
  }
}

/** Deploys a contract in a block of its own. */
export async function deploy(
  anvil: Anvil,
  timestampSec: number,
  from: Hex,
  { abi, bytecode }: Artifact,
  args: readonly unknown[],
): Promise<Contract> {
  const [receipt] = await anvil.mine(timestampSec, [
    { from, data: encodeDeployData({ abi, bytecode, args: [...args] }) },
  ]);
  if (receipt?.contractAddress == null || receipt.status !== "0x1") throw new Error("a contract could not be deployed");
  return new Contract(anvil, abi, receipt.contractAddress);
}
