import type { LogBlock, Range } from "../core/chain.ts";
import type { LpLedgerError } from "../core/errors.ts";
import type { EndpointHealth, EndpointsTold, Expected } from "./endpoints.ts";
import type { FollowedChain } from "./followed-chain.ts";
import {
  type Asked,
  type Calls,
  type ChainPlan,
  type Port,
  plain,
  raised,
  type Said,
  type Streams,
} from "./messages.ts";
import { giveBack, packOf } from "./packed.ts";

/** Answers what a `RemoteChain` asks at the other end of the port; `follow` makes the chain of a plan. */
export function serveChain(
  port: Port,
  follow: (plan: ChainPlan, expected: () => Expected, told: EndpointsTold) => FollowedChain,
  contentOf: (block: LogBlock) => string,
): void {
  let chain: FollowedChain | undefined;
  let expected: Expected = { chainId: 0 };
  const running = new Map<number, { readonly left: AbortController; more(): void }>();
  const say = (said: Said): void => port.postMessage(said);
  const told: EndpointsTold = {
    onSwitch: (from, to, reason) => say({ kind: "switch", from, to, reason }),
    onRefused: (endpoint, reason) => say({ kind: "refused", endpoint, reason }),
  };
  const health = (): readonly EndpointHealth[] => chain?.health() ?? [];

  async function call(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const left = new AbortController();
    running.set(id, { left, more: () => {} });
    try {
      const run = chain?.[method as keyof Calls].bind(chain) as (...all: unknown[]) => Promise<unknown>;
      const value = await run(...args.map((each) => (each === null ? left.signal : each)));
      say({ kind: "value", id, value, health: health() });
    } catch (error) {
      say({ kind: "error", id, error: plain(error), health: health() });
    } finally {
      running.delete(id);
    }
  }

  /** Hands out one range whenever one is asked for; the chain itself reads ahead. */
  async function stream(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const left = new AbortController();
    const wanted = new Wanted();
    running.set(id, { left, more: () => wanted.add() });
    left.signal.addEventListener("abort", () => wanted.add());
    try {
      const run = chain?.[method as keyof Streams].bind(chain) as (...all: unknown[]) => AsyncGenerator<Range>;
      for await (const range of run(...args.map((each) => (each === null ? left.signal : each)))) {
        const whole = packOf(range, contentOf);
        await wanted.take();
        if (left.signal.aborted) break;
        port.postMessage({ kind: "range", id, range: whole, health: health() } satisfies Said, [
          whole.text.buffer as ArrayBuffer,
        ]);
      }
      say({ kind: "done", id, health: health() });
    } catch (error) {
      say({ kind: "error", id, error: plain(error), health: health() });
    } finally {
      running.delete(id);
    }
  }

  port.listen((message) => {
    const asked = message as Asked;
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
        giveBack(asked.text);
        return;
      case "doubt":
        chain?.doubt(raised(asked.error) as LpLedgerError);
        return;
      case "rotate":
        chain?.rotate(asked.reason);
    }
  });
}

/** Counts what was asked for and not given yet. */
class Wanted {
  #count = 0;
  #wake: () => void = () => {};

  add(): void {
    this.#count += 1;
    this.#wake();
  }

  async take(): Promise<void> {
    while (this.#count === 0)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#count -= 1;
  }
}
