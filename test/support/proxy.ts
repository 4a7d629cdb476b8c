import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { seeded } from "../../demo/life.ts";
import { changedBlocks, type Fault, LIES, type RawLog, spoilLogs } from "../../simulate/faults.ts";
import { atEnd } from "./ledger.ts";

interface Answer {
  readonly id: number;
  result?: unknown;
}

/** Changes the answer to one call; gets its method and params. */
export type Lie = (method: string, params: readonly unknown[], result: unknown) => unknown;

export interface ProxiedCall {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** What is answered instead of asking the node; undefined where it is asked. */
export type Refusal = (
  calls: readonly ProxiedCall[],
  isBatch: boolean,
) => { readonly status: number; readonly body: string } | undefined;

/** A JSON-RPC proxy before a real node that lies, and refuses, as it is told; ends with the test. */
export async function lyingProxy(nodeUrl: string, lie: Lie, refuse: Refusal = () => undefined): Promise<string> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const body = Buffer.concat(chunks).toString();
      const calls = [JSON.parse(body)].flat() as ProxiedCall[];
      const refusal = refuse(calls, body.startsWith("["));
      if (refusal !== undefined) {
        response.writeHead(refusal.status, { "content-type": "application/json" }).end(refusal.body);
        return;
      }
      const honest = await fetch(nodeUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
      const parsed = (await honest.json()) as Answer | Answer[];
      for (const answer of [parsed].flat()) {
        const call = calls.find((each) => each.id === answer.id);
        if (call !== undefined && Object.hasOwn(answer, "result"))
          answer.result = lie(call.method, call.params, answer.result);
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(parsed));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a faulty proxy does wrong, each to this share of the requests. */
export type Rates = Readonly<Partial<Record<Fault, number>>>;

/**
 * A JSON-RPC proxy before a real node that fails as nodes do, by chance: it drops, doubles and reorders logs, cuts
 * answers off, hangs, resets, asks to slow down, lags, and forgets what is final. A block is lied about once, whoever
 * lies.
 */
export class FaultyProxy {
  readonly url: string;
  rates: Rates;
  readonly struck = new Map<Fault, number>();
  readonly #random: () => number;
  readonly #liedAbout: Set<number>;

  private constructor(url: string, rates: Rates, random: () => number, liedAbout: Set<number>) {
    this.url = url;
    this.rates = rates;
    this.#random = random;
    this.#liedAbout = liedAbout;
  }

  static async before(nodeUrl: string, rates: Rates, seed: number, liedAbout: Set<number>): Promise<FaultyProxy> {
    let proxy: FaultyProxy | undefined;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => void proxy?.answer(nodeUrl, Buffer.concat(chunks).toString(), response));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    proxy = new FaultyProxy(`http://127.0.0.1:${port}`, rates, seeded(seed), liedAbout);
    return proxy;
  }

  async answer(nodeUrl: string, body: string, response: ServerResponse): Promise<void> {
    if (this.#strikes("reset")) return void response.destroy();
    if (this.#strikes("hang")) return; // Until the client gives up.
    if (this.#strikes("http-429")) return void response.writeHead(429, { "retry-after": "1" }).end();
    if (this.#strikes("empty-body")) return void response.end();
    const calls = [JSON.parse(body)].flat() as { id: number; method: string; params: unknown[] }[];
    const behind = this.#strikes("older-head") ? 1 + Math.floor(this.#random() * 3) : 0;
    const asked = JSON.stringify([JSON.parse(body)].flat());
    const honest = await fetch(nodeUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: asked,
    });
    const answers = (await honest.json()) as Answer[];
    for (const answer of answers) {
      const call = calls.find(({ id }) => id === answer.id);
      if (call !== undefined && Object.hasOwn(answer, "result"))
        answer.result = await this.#spoilt(nodeUrl, call, answer.result, behind);
    }
    if (this.#strikes("wrong-id")) for (const answer of answers) Object.assign(answer, { id: answer.id + 1_000_000 });
    const text = JSON.stringify(body.startsWith("[") ? answers : answers[0]);
    response.end(this.#strikes("truncated") ? text.slice(0, text.length >> 1) : text);
  }

  async #spoilt(
    nodeUrl: string,
    { method, params }: { method: string; params: unknown[] },
    result: unknown,
    behind: number,
  ): Promise<unknown> {
    if (method === "eth_chainId") return this.#strikes("wrong-chain") ? "0x5" : result;
    if (method === "eth_getBlockByNumber" && params[0] === "finalized")
      return this.#strikes("no-finality") ? null : result;
    if (method === "eth_getBlockByNumber" && params[0] === "latest" && behind > 0) {
      const number = Math.max(0, Number((result as { number: string }).number) - behind);
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: [`0x${number.toString(16)}`, false] });
      const older = await fetch(nodeUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
      return ((await older.json()) as Answer).result;
    }
    return method === "eth_getLogs" ? this.#spoiltLogs(params, result as readonly RawLog[]) : result;
  }

  #spoiltLogs(params: readonly unknown[], honest: readonly RawLog[]): readonly RawLog[] {
    let logs = honest;
    const certain = (params[0] as { blockHash?: string }).blockHash !== undefined;
    for (const fault of Object.keys(this.rates) as Fault[]) {
      const spoilt = spoilLogs(fault, logs, (n) => Math.floor(this.#random() * n));
      if (spoilt === logs) continue;
      const touched = changedBlocks(logs, spoilt);
      if (LIES.has(fault) && (certain || touched.some((block) => this.#liedAbout.has(block)))) continue;
      if (!this.#strikes(fault)) continue;
      if (LIES.has(fault)) for (const block of touched) this.#liedAbout.add(block);
      logs = spoilt;
    }
    return logs;
  }

  #strikes(fault: Fault): boolean {
    if (this.#random() >= (this.rates[fault] ?? 0)) return false;
    this.struck.set(fault, (this.struck.get(fault) ?? 0) + 1);
    return true;
  }
}
