import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { Daemon, runCommand } from "../../demo/daemon.ts";
import { HttpThread } from "../../src/runtime/http-thread.ts";
import { liveChain, placeFor } from "../support/anvil.ts";
import { urlOf } from "../support/daemon-url.ts";
import { atEnd, temporaryFolder } from "../support/ledger.ts";
import { lyingProxy } from "../support/proxy.ts";

const live = liveChain(6, async (life) => {
  await life.prelude();
});

async function running(
  more: Readonly<Record<string, string>> = {},
  place = placeFor(live(), { more: { HTTP_PORT: "0", READY_LAG_SECONDS: "31536000", ...more } }),
) {
  const daemon = new Daemon(place);
  atEnd(() => void daemon.end("SIGKILL"));
  daemon.start();
  const url = await urlOf(place);
  return { daemon, place, url, get: (path: string) => fetch(new URL(path, url)) };
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const seen = await look().catch(() => undefined);
    if (seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("it did not come");
}

describe("a daemon with HTTP", () => {
  it("answers beside its indexing, and tells of a mined block and of a reorg as they happen", async () => {
    const { daemon, url, get } = await running();
    const head = await live().anvil.head();
    await daemon.reaches(head, 20_000);
    const status = (await (await get("/v1/status")).json()) as {
      block: { number: number };
      data: { tip: { number: number } };
    };
    expect(status.block.number).toBe(head.number);
    expect((await get("/ready")).status).toBe(200);
    expect(await (await get("/metrics")).text()).toMatch(/lp_ledger_rpc_requests_total\{endpoint="rpc-1"\} \d+/);
    const ended = new AbortController();
    const stream = (await fetch(new URL("/v1/live", url), { signal: ended.signal })).body?.getReader();
    if (stream === undefined) throw new Error("no stream");
    let heard = "";
    const hears = async (what: string): Promise<void> => {
      while (!heard.includes(what)) {
        const { value, done } = await stream.read();
        if (done) throw new Error("the stream ended");
        heard += new TextDecoder().decode(value);
      }
    };
    await hears("event: hello");
    await live().life.block(12, []);
    const next = await live().anvil.head();
    await hears(`"number":${next.number}`);
    expect(heard).toContain("event: commit");
    await live().anvil.rpc("anvil_reorg", [2, []]);
    live().anvil.forgetNonces();
    await hears("event: reorg");
    ended.abort();
    expect(await daemon.end("SIGTERM")).toBe(0);
  });

  it("that is halted goes on answering until it is signalled, and ends with the code of what halted it", async () => {
    const lying = await lyingProxy(live().anvil.url, (method, _params, result) =>
      method === "eth_getLogs"
        ? (result as { topics: string[] }[]).filter((log) => !log.topics[0]?.startsWith("0x26f6a048"))
        : result,
    );
    const place = { ...placeFor(live(), { more: { HTTP_PORT: "0", QUARANTINE: "0" } }), rpcUrl: lying };
    const { daemon, get } = await running({}, place);
    const ready = await until(async () => {
      const answer = await get("/ready");
      const text = await answer.text();
      return text.includes("findings are open") ? answer.status : undefined;
    });
    expect(ready).toBe(503);
    expect(daemon.running).toBe(true);
    expect((await get("/v1/findings")).status).toBe(200);
    expect(await daemon.end("SIGTERM")).toBe(70);
  });

  it("names a pool in quarantine, is ready though all else goes on, and ends well", async () => {
    const lying = await lyingProxy(live().anvil.url, (method, _params, result) =>
      method === "eth_getLogs"
        ? (result as { topics: string[] }[]).filter((log) => !log.topics[0]?.startsWith("0x26f6a048"))
        : result,
    );
    const place = { ...placeFor(live(), { more: { HTTP_PORT: "0" } }), rpcUrl: lying };
    const { daemon, get } = await running({}, place);
    const found = await until(async () => {
      const { data } = (await (await get("/v1/quarantines")).json()) as { data: readonly { pool: string }[] };
      return data.length > 0 ? data : undefined;
    });
    expect(found[0]).toMatchObject({ finding: { identity: expect.stringMatching(/^V3-/) } });
    expect(await (await get("/ready")).text()).toContain("is in quarantine: V3-");
    expect(await (await get("/metrics")).text()).toContain(`lp_ledger_quarantines ${found.length}`);
    expect(await daemon.end("SIGTERM")).toBe(0);
  });

  it("is refused where it would be open to everybody, or where the port is taken", async () => {
    const open = await runCommand(placeFor(live(), { more: { HTTP_PORT: "0", HTTP_HOST: "0.0.0.0" } }), ["start"]);
    expect([open.code, open.err.includes("open to everybody who reaches it")]).toEqual([78, true]);
    const { url } = await running();
    const taken = await runCommand(placeFor(live(), { more: { HTTP_PORT: new URL(url).port } }), ["start"]);
    expect([taken.code, taken.err.includes("HTTP cannot listen on 127.0.0.1")]).toEqual([78, true]);
  });
});

describe("the HTTP thread", () => {
  it("is ended and begun again where an answer takes too long, and whoever waits outside does not notice", async () => {
    // A thread that hangs in its first answer, as a runaway query would.
    const script = join(temporaryFolder(), "hang.mjs");
    writeFileSync(
      script,
      `import { parentPort, workerData } from "node:worker_threads";
       parentPort.postMessage({ port: 1 });
       parentPort.once("message", () => { Atomics.store(workerData.busySince, 0, process.hrtime.bigint() / 1_000_000n - 60_000n); for (;;); });`,
    );
    const restarts: string[] = [];
    let listening = 0;
    const told = { onListening: () => listening++, onRestart: (reason: string) => restarts.push(reason) };
    const data = { busySince: new BigInt64Array(new SharedArrayBuffer(8)), host: "127.0.0.1", port: 0 } as never;
    const thread = await HttpThread.start(data, told as never, pathToFileURL(script));
    atEnd(() => void thread.close());
    thread.tell({ endpoints: [], switches: 0, commits: 0, commitSeconds: 0 });
    await until(async () => (listening >= 2 ? true : undefined));
    expect(restarts[0]).toContain("took more than 5000 ms");
    await thread.close();
  });
});
