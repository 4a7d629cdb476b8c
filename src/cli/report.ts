import { CommanderError } from "commander";
import { LpLedgerError } from "../core/errors.ts";
import { plainLines } from "../core/plain-text.ts";
import type { Io } from "./wiring.ts";

const EXIT_USAGE = 64;

/**
 * The edge that prints: message and hint for people, one JSON object with `--json`; a stack only for bugs. What was wrong with the command
 * line itself commander has told people already. @returns the exit code
 */
export function report(error: unknown, io: Io, asJson: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (asJson) {
      const message = error.message.replace(/^error: /, "");
      io.talk(
        `${JSON.stringify({ error: { kind: "usage", code: "USAGE", message, facts: { commander: error.code } } })}\n`,
      );
    }
    return EXIT_USAGE;
  }
  if (!(error instanceof LpLedgerError)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.talk(
      asJson
        ? `${JSON.stringify({ error: { kind: "invariant", code: "BUG", message: stack, facts: {} } })}\n`
        : `lp-ledger: a bug: ${plainLines(stack)}\n`,
    );
    return 70;
  }
  const { kind, code, message, hint, facts, exitCode } = error;
  if (asJson) io.talk(`${JSON.stringify({ error: { kind, code, message, hint, facts } })}\n`);
  else io.talk(plainLines(`lp-ledger: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}  code: ${code}\n`));
  return exitCode;
}
