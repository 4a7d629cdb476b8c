import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { Anvil } from "../demo/anvil.ts";
import { Life, seeded } from "../demo/life.ts";
import { programmeOf, setStage } from "../demo/stage.ts";
import { type ChainOptions, usualPhase } from "./chain.ts";
import { Served } from "./served.ts";

const BLOCKS = 240;
/** From one block to the next. */
const PACE_MS = 100;
const WORKERS = 8;
const STREAMS = 500;
const SLOW = 300;
const PATHS = [
  ...[
    "/v1/status",
    "/v1/stats",
    "/v1/pools",
    "/v1/providers?limit=1000",
    "/v1/days?limit=1000",
    "/v1/positions?limit=1000",
  ],
  ...[
    "/v1/epochs",
    "/v1/findings",
    "/metrics",
    "/ready",
    "/openapi.json",
    "/",
    "/v1/providers/0x12",
    "/v1/days?from=x",
  ],
  ...["/v1/positions?block=5", "/v1/nothing", `/v1/providers?search=0x${"1".repeat(9_000)}`],
];

/**
 * How the daemon follows a chain of a block every 100 ms while its HTTP side is left alone, and while it is attacked:
 * workers that ask as fast as they are answered, streams, and clients that never finish what they ask.
 */
export async function measureAttack() {
  const anvil = await Anvil.start(1_767_225_600);
  const served = await Served.begin(OPTIONS); // For its folder.
  try {
    const stage = await setStage(anvil, 1_767_225_610);
    const life = new Life(stage, 11, 1_767_229_200);
    await life.prelude();
    writeFileSync(served.programme, JSON.stringify(programmeOf(stage)));
    served.fresh();
    const port = 20_000 + (process.pid % 20_000);
    const daemon = served.daemon(["start"], {
      RPC_URL: anvil.url,
      POLL_INTERVAL_MS: "50",
      HTTP_PORT: `${port}`,
      LOG_LEVEL: "error",
    });
    const url = `http://127.0.0.1:${port}`;
    await answers(url);
    const quiet = await follow(anvil, served.database);
    const attack = new Attack(url, port);
    await attack.begin();
    const attacked = await follow(anvil, served.database);
    const asked = attack.end();
    const gone = new Promise((resolve) => daemon.once("exit", resolve));
    daemon.kill("SIGTERM");
    await gone;
    return [
      { http: "left alone", ...quiet },
      { http: `${WORKERS} workers, ${STREAMS} streams, ${SLOW} slow clients`, ...attacked, ...asked },
    ];
  } finally {
    served.end();
    await anvil.stop();
  }
}

const OPTIONS: ChainOptions = {
  phases: [usualPhase(100)],
  protocol: "uniswap-v3",
  pools: 1,
  owners: 10,
  timestamps: true,
};

async function answers(url: string): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    const isThere = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isThere) return;
    await sleep(20);
  }
  throw new Error("the daemon does not answer over HTTP");
}

/** Mines at a steady pace, and sees when each block is a row. */
async function follow(anvil: Anvil, database: string) {
  const reader = new Database(database, { readonly: true });
  try {
    const tip = reader.prepare<[], number>("select coalesce(max(block_number), 0) from processed_blocks").pluck();
    const minedMs = new Map<number, number>();
    const waits: number[] = [];
    const see = (): void => {
      const seen = tip.get() ?? 0;
      for (const [number, ms] of minedMs)
        if (number <= seen) {
          waits.push(performance.now() - ms);
          minedMs.delete(number);
        }
    };
    const begunMs = performance.now();
    for (let i = 0; i < BLOCKS; i++) {
      await anvil.rpc("evm_mine", []);
      minedMs.set(Number(await anvil.rpc("eth_blockNumber", [])), performance.now());
      const nextMs = begunMs + (i + 1) * PACE_MS;
      while (performance.now() < nextMs) {
        see();
        await sleep(2);
      }
    }
    for (let i = 0; i < 5_000 && minedMs.size > 0; i++) {
      see();
      await sleep(2);
    }
    waits.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(waits[Math.floor((waits.length - 1) * share)] ?? 0);
    return { blocks: BLOCKS, followed: waits.length, medianMs: at(0.5), p99Ms: at(0.99), mostMs: at(1) };
  } finally {
    reader.close();
  }
}

class Attack {
  readonly #url: string;
  readonly #port: number;
  readonly #stop = new AbortController();
  readonly #sockets: Socket[] = [];
  readonly #statuses = new Map<number, number>();
  #streams = 0;

  constructor(url: string, port: number) {
    this.#url = url;
    this.#port = port;
  }

  async begin(): Promise<void> {
    for (let i = 0; i < WORKERS; i++) void this.#ask(seeded(i));
    for (let i = 0; i < STREAMS; i++) this.#open("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (let i = 0; i < SLOW; i++) this.#open("GET /v1/status HTTP/1.1\r\nHost: local");
    await sleep(500);
  }

  /** Ends it, and says what came of it. */
  end() {
    this.#stop.abort();
    for (const socket of this.#sockets) socket.destroy();
    const of = (status: number): number => this.#statuses.get(status) ?? 0;
    const asked = [...this.#statuses.values()].reduce((sum, each) => sum + each, 0);
    return { asked, answered: of(200), busy: of(503), failed: of(500), streamsOpened: this.#streams };
  }

  #open(text: string): void {
    const socket = connect(this.#port, "127.0.0.1", () => socket.write(text));
    socket.on("error", () => {}); // Refused or cut off: that is the daemon's right.
    socket.once("data", () => {
      this.#streams += 1;
    });
    this.#sockets.push(socket);
  }

  async #ask(random: () => number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const path = PATHS[Math.floor(random() * PATHS.length)] ?? "/";
      try {
        const response = await fetch(`${this.#url}${path}`);
        await response.arrayBuffer();
        this.#statuses.set(response.status, (this.#statuses.get(response.status) ?? 0) + 1);
      } catch {
        await sleep(5); // Not answered; the next one may be.
      }
    }
  }
}
