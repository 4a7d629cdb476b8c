import { execFile } from "node:child_process";
import { LpLedgerError } from "../core/errors.ts";
import type { Inspection } from "../store/lifecycle/backup.ts";

const OUTPUT_BYTES_MAX = 1 << 20;

/**
 * Checks a ledger file in a process of its own, by this program's `verify --deep`: it reads every row, which would
 * keep a daemon from polling, and from hearing a signal, for as long as that takes.
 */
export function inspectElsewhere(path: string, signal: AbortSignal, main = process.argv[1] ?? ""): Promise<Inspection> {
  const args = [...process.execArgv, main, "verify", "--deep", "--json"];
  const env = { PATH: process.env["PATH"], DATABASE: path, ALLOW_UNSAFE_FILE_SYSTEM: "1" };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, signal, maxBuffer: OUTPUT_BYTES_MAX }, (error, out, talk) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      try {
        resolve(JSON.parse(out.trim().split("\n").at(-1) ?? "") as Inspection);
      } catch {
        const why = talk.trim() || error?.message || "it said nothing";
        reject(new LpLedgerError("transient", "INSPECTION_FAILED", `the check of ${path} could not be made: ${why}`));
      }
    });
  });
}
