import { CommanderError } from "commander";
import { EXIT_USAGE, LpLedgerError } from "../core/errors.ts";
import { plainLines } from "../core/plain-text.ts";
import type { Io } from "../runtime/context.ts";
import { EXIT_DISK_FULL } from "../store/file/sqlite-errors.ts";

/**
 * The edge that prints: message and hint for people, one JSON object with `--json`; a stack only for bugs. What was
 * wrong with the command line itself commander has told people already. @returns the exit code
 */
export function report(error: unknown, io: Io, asJson: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (asJson) {
      const isHelp = error.message === "(outputHelp)";
      const message = isHelp ? "the command lacks the name of what it shall do" : error.message.replace(/^error: /, "");
      io.talk(
        `${JSON.stringify({ error: { kind: "usage", code: "USAGE", message, facts: { commander: error.code } } })}\n`,
      );
    }
    return EXIT_USAGE;
  }
  if (!(error instanceof LpLedgerError)) {
    const ofSystem = ofSystemCall(error);
    if (ofSystem !== undefined) return report(ofSystem, io, asJson);
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    io.talk(
      asJson
        ? `${JSON.stringify({ error: { kind: "invariant", code: "BUG", message: stack, facts: {} } })}\n`
        : `lp-ledger: a bug: ${plainLines(stack)}\n`,
    );
    return 70;
  }
  const { kind, code, message, hint, facts, exitCode } = error;
  if (asJson) io.talk(plainLines(`${JSON.stringify({ error: { kind, code, message, hint, facts } })}\n`));
  else io.talk(plainLines(`lp-ledger: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}  code: ${code}\n`));
  return exitCode;
}

/** What the operating system refuses is no bug: a full disk behind the output, a folder that may not be written. */
function ofSystemCall(error: unknown): LpLedgerError | undefined {
  const { code, syscall, message } = (error ?? {}) as { code?: unknown; syscall?: unknown; message?: string };
  if (typeof code !== "string" || typeof syscall !== "string") return undefined;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new LpLedgerError("transient", "DISK_FULL", `there is no room left for what is written: ${message}`, {
        exitCode: EXIT_DISK_FULL,
        hint: "make room, and run it again",
      });
    case "EIO":
      return new LpLedgerError("transient", "DISK_ERROR", `what is written cannot be: ${message}`, {
        exitCode: EXIT_DISK_FULL,
      });
    case "EMFILE":
    case "ENFILE":
      return new LpLedgerError("transient", "TOO_MANY_FILES", `no file can be opened any more: ${message}`, {
        hint: "let this process open more (ulimit -n, LimitNOFILE)",
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOENT":
    case "ENOTDIR":
    case "EISDIR":
    case "ENAMETOOLONG":
      return new LpLedgerError("usage", "CANNOT_WRITE", `a file or folder cannot be used: ${message}`, {
        hint: "look at the path, and whether this user may use it",
      });
    default:
      return undefined;
  }
}
