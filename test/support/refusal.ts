import { LpLedgerError } from "../../src/core/errors.ts";
import { openForReading, openForWriting } from "../../src/store/lifecycle/open.ts";

/** What opening a ledger for writing and for reading fails with: code, message and hint. */
export function refusals(path: string): readonly string[] {
  return [openForWriting, openForReading].map((open) => {
    try {
      open(path).close();
      return "opened";
    } catch (error) {
      return error instanceof LpLedgerError ? `${error.code}: ${error.message} (${error.hint})` : String(error);
    }
  });
}
