import type { LpLedgerError } from "../../src/core/errors.ts";

/** The code of the error that something throws. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as LpLedgerError).code;
  }
  return "nothing thrown";
}
