import { EXIT_USAGE, LpLedgerError } from "../core/errors.ts";
import { isAddress, isPoolId } from "../core/hex.ts";
import type { Io } from "../runtime/context.ts";

const TRIES_MAX = 20;

interface Asked<T> {
  readonly question: string;
  /** The option that says the same. */
  readonly option: string;
  /** What it says, which is taken or refused at once. */
  readonly given: string | undefined;
  /** What an empty answer means, and none at all; without it an answer is needed. */
  readonly absent?: T;
  /** What is told where nobody sits there, instead of NOT_ASKED. */
  readonly unanswered?: LpLedgerError;
  /** The answer's meaning. @throws LpLedgerError where it has none */
  read(answer: string): T | Promise<T>;
}

/**
 * Asks whoever sits at the terminal, again where an answer will not do. @throws `unanswered`, or NOT_ASKED, where
 * nobody sits there
 */
export async function asked<T>(io: Io, what: Asked<T>): Promise<T> {
  const { question, option, given } = what;
  if (given !== undefined) return await what.read(given);
  for (let tries = 1; ; tries++) {
    const answer = (await io.ask(question))?.trim();
    if (what.absent !== undefined && (answer ?? "") === "") return what.absent;
    if (answer === undefined)
      throw (
        what.unanswered ??
        new LpLedgerError("usage", "NOT_ASKED", `${option} is not given, and nobody answered`, {
          hint: `give ${option}, or run lp-ledger init in a terminal`,
          exitCode: EXIT_USAGE,
        })
      );
    try {
      return await what.read(answer);
    } catch (error) {
      if (!(error instanceof LpLedgerError) || tries === TRIES_MAX) throw error;
      io.talk(`${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}\n`);
    }
  }
}

/** What is wrong with an answer, or with the option that gave it. */
export function unfit(option: string, expected: string, found: string): LpLedgerError {
  return new LpLedgerError("usage", "CONFIG", `${option}: expected ${expected}, found ${JSON.stringify(found)}`, {
    exitCode: EXIT_USAGE,
  });
}

/** A whole number of at least `least`. */
export function wholeNumber(option: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw unfit(option, `a whole number from ${least} ${most === Number.MAX_SAFE_INTEGER ? "on" : `to ${most}`}`, text);
}

/** Addresses, separated by spaces or commas. */
export function addressesIn(option: string, text: string): readonly string[] {
  return partsOf(option, text, isAddress, "an address of 20 bytes");
}

/** The same of pools, which may have an id of 32 bytes. */
export function poolsIn(option: string, text: string): readonly string[] {
  return partsOf(option, text, isPoolId, "a pool's address of 20 bytes or its id of 32");
}

function partsOf(option: string, text: string, is: (part: string) => boolean, expected: string): readonly string[] {
  const all = text.split(/[\s,]+/).filter((each) => each !== "");
  for (const each of all.length === 0 ? [text] : all) if (!is(each)) throw unfit(option, expected, each);
  return all;
}
