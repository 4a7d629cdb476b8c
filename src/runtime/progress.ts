import type { Clock } from "../core/chain.ts";
import type { LpLedgerError } from "../core/errors.ts";
import type { Step } from "../daemon/converge.ts";
import { SETTLING_WAITS } from "../daemon/run.ts";
import type { Committed } from "../ledger/committed.ts";
import type { Logger } from "../log.ts";
import type { Io } from "./context.ts";

const SHOW_EVERY_MS = 1_000;
const REDRAW_EVERY_MS = 100;

/** Shows how far the ledger has come: one line that is redrawn in a terminal, JSON lines elsewhere. */
export class Progress {
  readonly #io: Io;
  readonly #log: Logger;
  readonly #clock: Clock;
  #blocks = 0;
  #events = 0;
  #sinceMs: number;
  #shownMs = 0;
  #lastTip: number | undefined;
  #behind = false;
  #waits = false;

  constructor(io: Io, log: Logger, clock: Clock) {
    this.#io = io;
    this.#log = log;
    this.#clock = clock;
    this.#sinceMs = clock.nowMs();
  }

  committed({ blocks, events, tip, quarantined = [] }: Committed, head: number): void {
    for (const { pool, wrapper, firstDay, finding } of quarantined)
      this.#line(
        { pool, ...(wrapper === null ? {} : { wrapper }), firstDay, finding },
        "error",
        `A ${wrapper === null ? "POOL" : "WRAPPER"} IS IN QUARANTINE: an identity of its did not hold, whoever was asked; nothing of it counts from there on, and everything else goes on`,
      );
    this.#blocks += blocks;
    this.#events += events;
    const now = this.#clock.nowMs();
    if (now - this.#shownMs < (this.#io.isTerminal ? REDRAW_EVERY_MS : SHOW_EVERY_MS)) return;
    const seconds = Math.max(0.001, (now - this.#sinceMs) / 1000);
    const blocksPerSecond = Math.round(this.#blocks / seconds);
    const eventsPerSecond = Math.round(this.#events / seconds);
    const secondsLeft = blocksPerSecond === 0 ? null : Math.round((head - tip) / blocksPerSecond);
    this.#shownMs = now;
    if (this.#io.isTerminal) {
      const left = head === tip ? "at the head" : secondsLeft === null ? "" : `${durationText(secondsLeft)} left`;
      this.#io.talk(
        `\r\u001b[Kblock ${tip} of ${head}  ${blocksPerSecond} blocks/s  ${eventsPerSecond} events/s  ${left}`,
      );
    } else this.#log.info({ tip, head, blocksPerSecond, eventsPerSecond, secondsLeft }, "progress");
    if (now - this.#sinceMs > 30_000) this.#begin(now);
  }

  stepped({ verdict, head, final, settling }: Step, tip: number | undefined): void {
    if (verdict === "forked")
      this.#line({ tip, head }, "warn", "reorg: undone to the common block and followed the new chain");
    const isBehind = verdict === "behind";
    if (isBehind !== this.#behind) {
      const text = isBehind ? "the node is behind our tip: waiting, nothing is undone" : "the node has caught up";
      this.#line({ tip, head }, "warn", text);
    }
    this.#behind = isBehind;
    if (settling === "waits" && !this.#waits) this.#line({ tip, final }, "warn", SETTLING_WAITS);
    // A step that does not try says nothing of it.
    if (settling !== "done") this.#waits = settling === "waits";
    if (tip !== undefined && tip === head && tip !== this.#lastTip) this.#log.debug({ tip, final }, "at the head");
    this.#lastTip = tip;
  }

  retrying(error: LpLedgerError, waitMs: number): void {
    this.#line({ code: error.code, ...error.facts, waitMs }, "warn", error.message);
  }

  /** Leaves the redrawn line. */
  end(): void {
    if (this.#io.isTerminal && this.#shownMs > 0) this.#io.talk("\n");
  }

  #line(facts: object, level: "warn" | "error", text: string): void {
    this.end();
    this.#log[level](facts, text);
  }

  #begin(now: number): void {
    this.#sinceMs = now;
    this.#blocks = 0;
    this.#events = 0;
  }
}

function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
