import type { Range } from "../../core/chain.ts";
import type { LpLedgerError } from "../../core/errors.ts";
import type { EndpointListener, Expected } from "../endpoint.ts";
import type { FollowedChain } from "../followed-chain.ts";
import { giveBack, packOf } from "../logs/range-codec.ts";
import {
  type Calls,
  type ChainMessage,
  type ChainPlan,
  type ChainRequest,
  type ChainResponse,
  type Port,
  plain,
  raised,
  type Streams,
} from "./messages.ts";

type Follow = (plan: ChainPlan, expected: () => Expected, told: EndpointListener) => FollowedChain;

/** Answers what a `RemoteChain` asks at the other end of the port; `follow` makes the chain of a plan. */
export function serveChain(port: Port, follow: Follow): void {
  const server = new ChainServer(port, follow);
  port.listen((message) => server.take(message as ChainRequest));
}

class ChainServer {
  readonly #port: Port;
  readonly #follow: Follow;
  #chain: FollowedChain | undefined;
  #expected: Expected = { chainId: 0 };
  readonly #running = new Map<number, { readonly left: AbortController; more(): void }>();

  constructor(port: Port, follow: Follow) {
    this.#port = port;
    this.#follow = follow;
  }

  take(asked: ChainRequest): void {
    if ("expected" in asked) this.#expected = asked.expected;
    switch (asked.kind) {
      case "begin":
        this.#begin(asked.plan);
        return;
      case "call":
        void this.#call(asked.id, asked.method, asked.args);
        return;
      case "stream":
        void this.#stream(asked.id, asked.method, asked.args);
        return;
      case "more":
        this.#running.get(asked.id)?.more();
        return;
      case "stop":
        this.#running.get(asked.id)?.left.abort();
        return;
      case "back":
        giveBack(asked.memory);
        return;
      case "inconsistent":
        this.#chain?.reportInconsistent(raised(asked.error) as LpLedgerError);
        return;
      case "rotate":
        this.#chain?.rotate(asked.reason);
    }
  }

  #begin(plan: ChainPlan): void {
    this.#chain = this.#follow(plan, () => this.#expected, {
      onSwitch: (from, to, reason) => this.#say({ kind: "switch", from, to, reason }),
      onRefused: (endpoint, reason) => this.#say({ kind: "refused", endpoint, reason }),
      onUnauthenticated: (endpoint, reason) => this.#say({ kind: "unauthenticated", endpoint, reason }),
    });
  }

  async #call(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const left = new AbortController();
    this.#running.set(id, { left, more: () => {} });
    try {
      const chain = this.#chain;
      const run = chain?.[method as keyof Calls].bind(chain) as (...all: unknown[]) => Promise<unknown>;
      this.#answer(id, { kind: "value", value: await run(...withSignal(args, left.signal)) });
    } catch (error) {
      this.#answer(id, { kind: "error", error: plain(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  /** Hands out one range whenever one is asked for; the chain itself reads ahead. */
  async #stream(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const left = new AbortController();
    const wanted = new Wanted(left.signal);
    this.#running.set(id, { left, more: () => wanted.add() });
    try {
      const chain = this.#chain;
      const run = chain?.[method as keyof Streams].bind(chain) as (...all: unknown[]) => AsyncGenerator<Range>;
      for await (const range of run(...withSignal(args, left.signal))) {
        await wanted.take();
        if (left.signal.aborted) {
          range.release?.();
          break;
        }
        const pack = packOf(range);
        this.#answer(id, { kind: "range", range: pack }, [pack.memory.buffer as ArrayBuffer]);
      }
      await wanted.take(); // Nobody may be waiting yet: what is said then is lost.
      this.#answer(id, { kind: "done" });
    } catch (error) {
      await wanted.take();
      this.#answer(id, { kind: "error", error: plain(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  #answer(id: number, answered: ChainResponse, handed?: readonly ArrayBuffer[]): void {
    this.#say({ ...answered, id, health: this.#chain?.health() ?? [] }, handed);
  }

  #say(said: ChainMessage, handed?: readonly ArrayBuffer[]): void {
    this.#port.postMessage(said, handed);
  }
}

function withSignal(args: readonly unknown[], signal: AbortSignal): readonly unknown[] {
  return args.map((each) => (each === null ? signal : each));
}

/** Counts what was asked for and not given yet. */
class Wanted {
  readonly #left: AbortSignal;
  #count = 0;
  #wake: () => void = () => {};

  constructor(left: AbortSignal) {
    this.#left = left;
    left.addEventListener("abort", () => this.#wake());
  }

  add(): void {
    this.#count += 1;
    this.#wake();
  }

  /** Resolves once something is asked for; at once where nobody is there any more to ask. */
  async take(): Promise<void> {
    while (this.#count === 0 && !this.#left.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#count -= 1;
  }
}
