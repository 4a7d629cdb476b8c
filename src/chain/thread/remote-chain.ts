import type { AddressFacts } from "../../core/address-facts.ts";
import type { ContractCall } from "../../core/amm/contract-call.ts";
import type { Block, FetchOptions, LogBlock, Range, RangeBounds } from "../../core/chain.ts";
import { LpLedgerError } from "../../core/errors.ts";
import type { Address, Hash } from "../../core/hex.ts";
import type { EndpointListener, Expected } from "../endpoint.ts";
import type { EndpointHealth } from "../endpoint-health.ts";
import { unpacked } from "../logs/range-codec.ts";
import type { HeadSnapshot } from "../node.ts";
import {
  type Calls,
  type ChainMessage,
  type ChainPlan,
  type ChainRequest,
  type Port,
  plain,
  raised,
  type Streams,
} from "./messages.ts";

/** So many are made ready while others are used. */
const RANGES_AHEAD = 12;

/** What the other end says under one id, in order. */
class Inbox {
  /** Nobody listens any more. */
  readonly close: () => void;
  readonly #said: ChainMessage[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(close: () => void) {
    this.close = close;
  }

  put(said: ChainMessage): void {
    this.#said.push(said);
    this.#wake();
  }

  /** From here on nothing else is read. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** What was said and not read. */
  rest(): readonly ChainMessage[] {
    return this.#said.splice(0);
  }

  async next(): Promise<ChainMessage> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const said = this.#said.shift();
      if (said !== undefined) return said;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A chain at the other end of a port, as the daemon wants it. */
export class RemoteChain implements Calls, Streams {
  readonly #port: Port;
  readonly #expected: () => Expected;
  readonly #inboxes = new Map<number, Inbox>();
  #health: readonly EndpointHealth[];
  readonly #unlisten: () => void;
  #broken: Error | undefined;
  /** Of all chains: an answer that comes late is nobody else's. */
  static #nextId = 1;

  /** `health` is what a chain before it knew of the same endpoints: it holds until one of them answers. */
  constructor(
    port: Port,
    plan: ChainPlan,
    expected: () => Expected,
    told: EndpointListener = {},
    health: readonly EndpointHealth[] = [],
  ) {
    this.#health = health;
    this.#port = port;
    this.#expected = expected;
    this.#unlisten = port.listen((message) => {
      const said = message as ChainMessage;
      if (said.kind === "switch") told.onSwitch?.(said.from, said.to, said.reason);
      else if (said.kind === "refused") told.onRefused?.(said.endpoint, said.reason);
      else if (said.kind === "unauthenticated") told.onUnauthenticated?.(said.endpoint, said.reason);
      else {
        this.#health = said.health;
        const inbox = this.#inboxes.get(said.id);
        if (inbox !== undefined) inbox.put(said);
        else this.#giveBack(said);
      }
    });
    this.#tell({ kind: "begin", plan });
  }

  /** Nothing more is asked: another chain may be begun at the other end. */
  close(): void {
    this.#unlisten();
  }

  /** The other end is gone: whatever is asked from here on fails so. */
  broke(error: Error): void {
    this.#broken = error;
    for (const inbox of this.#inboxes.values()) inbox.fail(error);
  }

  behind(addresses: readonly Address[], signal: AbortSignal): Promise<readonly AddressFacts[]> {
    return this.#call("behind", [addresses, signal], signal);
  }

  identity(signal: AbortSignal): Promise<{ readonly chainId: number; readonly genesisHash: Hash }> {
    return this.#call("identity", [signal], signal);
  }

  pollHead(numbers: readonly number[], signal: AbortSignal): Promise<HeadSnapshot> {
    return this.#call("pollHead", [numbers, signal], signal);
  }

  blocksAt(numbers: readonly number[], signal: AbortSignal): Promise<readonly (Block | null)[]> {
    return this.#call("blocksAt", [numbers, signal], signal);
  }

  blockLogs(hash: Hash, number: number, signal: AbortSignal): Promise<LogBlock> {
    return this.#call("blockLogs", [hash, number, signal], signal);
  }

  blockTime(hash: Hash, number: number, signal: AbortSignal): Promise<number | null> {
    return this.#call("blockTime", [hash, number, signal], signal);
  }

  confirm(
    hash: Hash,
    number: number,
    signal: AbortSignal,
  ): Promise<{ readonly block: LogBlock; readonly byReceipts: boolean }> {
    return this.#call("confirm", [hash, number, signal], signal);
  }

  call(
    questions: readonly ContractCall[],
    blockNumber: number,
    signal: AbortSignal,
  ): Promise<readonly (string | null)[]> {
    return this.#call("call", [questions, blockNumber, signal], signal);
  }

  ranges(
    from: number,
    to: number,
    bounds: RangeBounds,
    signal: AbortSignal,
    how?: FetchOptions,
  ): AsyncGenerator<Range> {
    return this.#stream("ranges", [from, to, bounds, signal, how], signal);
  }

  refetch(
    from: number,
    to: number,
    finalTo: number,
    signal: AbortSignal,
    firstBy?: string,
    checked?: readonly number[],
  ): AsyncGenerator<Range> {
    return this.#stream("refetch", [from, to, finalTo, signal, firstBy, checked], signal);
  }

  reportInconsistent(error: LpLedgerError): void {
    this.#tell({ kind: "inconsistent", error: plain(error) });
  }

  rotate(reason: string): void {
    this.#tell({ kind: "rotate", reason });
  }

  /** How the endpoints did when the other end answered last. */
  health(): readonly EndpointHealth[] {
    return this.#health;
  }

  #tell(asked: ChainRequest): void {
    this.#port.postMessage(asked);
  }

  async #call<K extends keyof Calls>(
    method: K,
    args: Parameters<Calls[K]>,
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<Calls[K]>>> {
    const id = RemoteChain.#nextId++;
    const inbox = this.#listen(id, signal);
    try {
      this.#tell({ kind: "call", id, method, args: withoutSignal(args), expected: this.#expected() });
      const said = await inbox.next();
      if (said.kind === "value") return said.value as Awaited<ReturnType<Calls[K]>>;
      throw said.kind === "error" ? raised(said.error) : unexpected(said);
    } finally {
      inbox.close();
    }
  }

  async *#stream<K extends keyof Streams>(
    method: K,
    args: Parameters<Streams[K]>,
    signal: AbortSignal,
  ): AsyncGenerator<Range> {
    const id = RemoteChain.#nextId++;
    const inbox = this.#listen(id, signal);
    let ended = false;
    try {
      this.#tell({ kind: "stream", id, method, args: withoutSignal(args), expected: this.#expected() });
      // The next ones come while these are written: so many are on their way or wait here.
      for (let i = 0; i < RANGES_AHEAD; i++) this.#tell({ kind: "more", id });
      for (;;) {
        const said = await inbox.next();
        ended = said.kind !== "range";
        if (said.kind === "done") return;
        if (said.kind !== "range") throw said.kind === "error" ? raised(said.error) : unexpected(said);
        this.#tell({ kind: "more", id });
        yield unpacked(said.range, () => this.#giveBack(said));
      }
    } finally {
      if (!ended) this.#tell({ kind: "stop", id });
      inbox.close();
      for (const said of inbox.rest()) this.#giveBack(said);
    }
  }

  /** The memory of a range that nobody reads any more. */
  #giveBack(said: ChainMessage): void {
    if (said.kind !== "range") return;
    const { memory } = said.range;
    this.#port.postMessage({ kind: "back", memory } satisfies ChainRequest, [memory.buffer as ArrayBuffer]);
  }

  /** Hears what the other end says under an id, until it is closed. An abort is told to it, and not waited for. */
  #listen(id: number, signal: AbortSignal): Inbox {
    signal.throwIfAborted();
    if (this.#broken !== undefined) throw this.#broken;
    const abort = (): void => {
      this.#tell({ kind: "stop", id });
      inbox.fail(signal.reason);
    };
    const inbox = new Inbox(() => {
      signal.removeEventListener("abort", abort);
      this.#inboxes.delete(id);
    });
    signal.addEventListener("abort", abort);
    this.#inboxes.set(id, inbox);
    return inbox;
  }
}

function withoutSignal(args: readonly unknown[]): readonly unknown[] {
  return args.map((each) => (each instanceof AbortSignal ? null : each));
}

function unexpected(said: ChainMessage): LpLedgerError {
  return new LpLedgerError("invariant", "UNREACHABLE", `the chain's thread said ${said.kind}`);
}
