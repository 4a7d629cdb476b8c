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

/** Answers what a `RemoteChain` asks at the other end of the port; `follow` makes the chain of a plan. */
export function serveChain(
  port: Port,
  follow: (plan: ChainPlan, expected: () => Expected, told: EndpointListener) => FollowedChain,
): void {
  let chain: FollowedChain | undefined;
  let expected: Expected = { chainId: 0 };
  const running = new Map<number, { readonly left: AbortController; more(): void }>();
  const say = (said: ChainMessage, handed?: readonly ArrayBuffer[]): void => port.postMessage(said, handed);
  const answer = (id: number, answered: ChainResponse, handed?: readonly ArrayBuffer[]): void =>
    say({ ...answered, id, health: chain?.health() ?? [] }, handed);
  const told: EndpointListener = {
    onSwitch: (from, to, reason) => say({ kind: "switch", from, to, reason }),
    onRefused: (endpoint, reason) => say({ kind: "refused", endpoint, reason }),
    onUnauthenticated: (endpoint, reason) => say({ kind: "unauthenticated", endpoint, reason }),
  };

  async function call(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const left = new AbortController();
    running.set(id, { left, more: () => {} });
    try {
      const run = chain?.[method as keyof Calls].bind(chain) as (...all: unknown[]) => Promise<unknown>;
      answer(id, { kind: "value", value: await run(...withSignal(args, left.signal)) });
    } catch (error) {
      answer(id, { kind: "error", error: plain(error) });
    } finally {
      running.delete(id);
    }
  }

  /** Hands out one range whenever one is asked for; the chain itself reads ahead. */
  async function stream(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const left = new AbortController();
    const wanted = new Wanted(left.signal);
    running.set(id, { left, more: () => wanted.add() });
    try {
      const run = chain?.[method as keyof Streams].bind(chain) as (...all: unknown[]) => AsyncGenerator<Range>;
      for await (const range of run(...withSignal(args, left.signal))) {
        await wanted.take();
        if (left.signal.aborted) {
          range.release?.();
          break;
        }
        const pack = packOf(range);
        answer(id, { kind: "range", range: pack }, [pack.memory.buffer as ArrayBuffer]);
      }
      await wanted.take(); // Nobody may be waiting yet: what is said then is lost.
      answer(id, { kind: "done" });
    } catch (error) {
      await wanted.take();
      answer(id, { kind: "error", error: plain(error) });
    } finally {
      running.delete(id);
    }
  }

  port.listen((message) => {
    const asked = message as ChainRequest;
    if ("expected" in asked) expected = asked.expected;
    switch (asked.kind) {
      case "begin":
        chain = follow(asked.plan, () => expected, told);
        return;
      case "call":
        void call(asked.id, asked.method, asked.args);
        return;
      case "stream":
        void stream(asked.id, asked.method, asked.args);
        return;
      case "more":
        running.get(asked.id)?.more();
        return;
      case "stop":
        running.get(asked.id)?.left.abort();
        return;
      case "back":
        giveBack(asked.memory);
        return;
      case "inconsistent":
        chain?.reportInconsistent(raised(asked.error) as LpLedgerError);
        return;
      case "rotate":
        chain?.rotate(asked.reason);
    }
  });
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
