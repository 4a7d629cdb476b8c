import type { Worker } from "node:worker_threads";
import type { EndpointListener, Expected } from "../chain/endpoint.ts";
import type { ChainPlan, Port } from "../chain/thread/messages.ts";
import { RemoteChain } from "../chain/thread/remote-chain.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { NodeSettings } from "./build-chain.ts";
import { portOf } from "./message-port.ts";

/** The thread that speaks with the nodes: asking, parsing and checking go on there while the ledger is written here. */
export class ChainThread {
  readonly #worker: Worker;
  readonly #port: Port;
  #chain: RemoteChain | undefined;
  #failure: LpLedgerError | undefined;

  constructor(settings: NodeSettings, worker: Worker) {
    const { endpoints, rpcTimeoutMs, rpcBodyBytesMax } = settings;
    worker.ref();
    worker.postMessage({ endpoints, rpcTimeoutMs, rpcBodyBytesMax } satisfies NodeSettings);
    this.#worker = worker;
    this.#port = portOf(worker);
    worker.on("error", (error) => this.#broke((error as Error).message));
    worker.on("exit", () => this.#broke("it ended"));
  }

  /** Follows one programme from here on; a chain that was followed before is no longer asked. */
  follow(plan: ChainPlan, expected: () => Expected, told: EndpointListener): RemoteChain {
    this.#chain?.close();
    this.#chain = new RemoteChain(this.#port, plan, expected, told, this.#chain?.health());
    if (this.#failure !== undefined) this.#chain.broke(this.#failure);
    return this.#chain;
  }

  async close(): Promise<void> {
    this.#worker.removeAllListeners("exit");
    await this.#worker.terminate();
  }

  #broke(reason: string): void {
    this.#failure ??= new LpLedgerError(
      "transient",
      "CHAIN_THREAD",
      `the thread that asks the nodes failed: ${reason}`,
      {
        hint: "start again: nothing is lost, the ledger goes on from its last commit",
      },
    );
    this.#chain?.broke(this.#failure);
  }
}
