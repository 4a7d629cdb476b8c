import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Hex } from "viem";

/** One transaction for the next block; it is sent from an unlocked account of the node. */
export interface Tx {
  readonly from: Hex;
  readonly to?: Hex;
  readonly data: Hex;
  readonly value?: Hex;
}

export interface Receipt {
  readonly status: Hex;
  readonly contractAddress: Hex | null;
  readonly blockNumber: Hex;
  readonly logs: readonly { readonly address: Hex; readonly topics: readonly Hex[]; readonly data: Hex }[];
}

const START_MS_MAX = 20_000;
const GAS = "0x989680";
const GAS_PRICE_TOP = 10_000_000_000;

/** The path of the anvil binary inside the npm package of this platform. */
function anvilBinary(): string {
  const require = createRequire(import.meta.url);
  const platform = { x64: "amd64", arm64: "arm64" }[process.arch as "x64"] ?? process.arch;
  const system = process.platform === "win32" ? "win32" : process.platform;
  const entry = require.resolve(`@foundry-rs/anvil-${system}-${platform}/package.json`, {
    paths: [dirname(require.resolve("@foundry-rs/anvil/package.json"))],
  });
  return join(dirname(entry), "bin", process.platform === "win32" ? "anvil.exe" : "anvil");
}

/** A real anvil on a free loopback port: blocks are mined by hand, at times that are given. */
export class Anvil {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #cache: string;
  readonly #nonces = new Map<Hex, number>();
  #id = 0;
  accounts: readonly Hex[] = [];
  /** When the newest block was there, by `performance.now`. */
  minedMs = 0;

  private constructor(url: string, child: ChildProcess, cache: string) {
    this.url = url;
    this.#child = child;
    this.#cache = cache;
  }

  /** Starts the node with a genesis at `timestampSec`; the same arguments give the same chain. */
  static async start(timestampSec: number, more: readonly string[] = []): Promise<Anvil> {
    const cache = mkdtempSync(join(tmpdir(), "lp-ledger-anvil-"));
    const args = ["--port", "0", "--timestamp", `${timestampSec}`, "--accounts", "12", "--balance", "1000000"];
    const limits = ["--gas-limit", "2000000000", "--no-request-size-limit", "--cache-path", cache, "--order", "fees"];
    const child = spawn(anvilBinary(), [...args, ...limits, ...more], { stdio: ["ignore", "pipe", "pipe"] });
    const url = await listeningUrl(child);
    const anvil = new Anvil(url, child, cache);
    anvil.accounts = (await anvil.rpc("eth_accounts", [])) as Hex[];
    await anvil.rpc("evm_setAutomine", [false]);
    return anvil;
  }

  async rpc(method: string, params: readonly unknown[]): Promise<unknown> {
    const [result] = await this.batch([{ method, params }]);
    return result;
  }

  async batch(calls: readonly { readonly method: string; readonly params: readonly unknown[] }[]): Promise<unknown[]> {
    if (calls.length === 0) return [];
    const first = this.#id;
    this.#id += calls.length;
    const body = JSON.stringify(calls.map((call, i) => ({ jsonrpc: "2.0", id: first + i, ...call })));
    const response = await fetch(this.url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const answers = (await response.json()) as { id: number; result?: unknown; error?: { message: string } }[];
    return answers
      .sort((a, b) => a.id - b.id)
      .map((answer, i) => {
        if (answer.error !== undefined) throw new Error(`${calls[i]?.method}: ${answer.error.message}`);
        return answer.result;
      });
  }

  /** Mines one block with these transactions, in this order, at this time. */
  async mine(timestampSec: number, txs: readonly Tx[] = []): Promise<readonly Receipt[]> {
    const calls = [];
    for (const [i, tx] of txs.entries()) {
      // Each its own, falling price: the order inside the block is then the order given.
      const gasPrice = `0x${(GAS_PRICE_TOP - i * 1_000_000).toString(16)}`;
      calls.push({
        method: "eth_sendTransaction",
        params: [{ gas: GAS, gasPrice, nonce: await this.#nonce(tx.from), ...tx }],
      });
    }
    const hashes = await this.batch(calls);
    await this.rpc("evm_setNextBlockTimestamp", [timestampSec]);
    await this.rpc("evm_mine", []);
    this.minedMs = performance.now();
    const receipts = await this.batch(hashes.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })));
    return receipts as Receipt[];
  }

  async head(): Promise<{ readonly number: number; readonly hash: string }> {
    const block = (await this.rpc("eth_getBlockByNumber", ["latest", false])) as { number: string; hash: string };
    return { number: Number(block.number), hash: block.hash };
  }

  async blockNumber(): Promise<number> {
    return Number(await this.rpc("eth_blockNumber", []));
  }

  /** After the chain went back: nonces must be asked again. */
  forgetNonces(): void {
    this.#nonces.clear();
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const gone = new Promise((resolve) => this.#child.once("exit", resolve));
      this.#child.kill("SIGKILL");
      await gone;
    }
    rmSync(this.#cache, { recursive: true, force: true });
  }

  async #nonce(account: Hex): Promise<Hex> {
    const next = this.#nonces.get(account) ?? Number(await this.rpc("eth_getTransactionCount", [account, "latest"]));
    this.#nonces.set(account, next + 1);
    return `0x${next.toString(16)}`;
  }
}

function listeningUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`anvil did not start within ${START_MS_MAX} ms: ${text.slice(-500)}`));
    }, START_MS_MAX);
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      const match = /Listening on ([\d.]+:\d+)/.exec(text);
      if (match === null) return;
      clearTimeout(timer);
      child.stdout?.removeAllListeners("data").resume();
      child.stderr?.resume();
      resolve(`http://${match[1]}`);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.once("error", reject);
  });
}
