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
  const json = require(path) as { abi: Abi; bytecode: string };
  return { abi: json.abi, bytecode: (json.bytecode.startsWith("0x") ? json.bytecode : `0x${json.bytecode}`) as Hex };
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
};

/** Our own caller of pools, compiled when it is needed. */
export function directMinter(): Artifact {
  const solc = require("solc") as { compile(input: string): string };
  const content = readFileSync(new URL("DirectMinter.sol", import.meta.url), "utf8");
  const input = {
    language: "Solidity",
    sources: { "DirectMinter.sol": { content } },
    settings: { evmVersion: "london", outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as {
    contracts: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>;
  };
  const contract = output.contracts["DirectMinter.sol"]?.["DirectMinter"];
  if (contract === undefined) throw new Error("DirectMinter.sol does not compile");
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
