import { type Command, InvalidArgumentError } from "commander";
import { type Day, isDay } from "../core/day.ts";
import { type Address, isAddress, isPoolId, toAddress, toPoolId } from "../core/hex.ts";

/** A command with the options that all have. */
export function command(parent: Command, name: string, description: string, example: string): Command {
  return parent
    .command(name)
    .description(description)
    .option("--settings <path>", "read settings from this file instead of .env")
    .option("--json", "machine-readable output")
    .addHelpText("after", `\nExample:\n  ${example}`)
    .exitOverride();
}

/** An address on the command line. */
export function address(text: string): Address {
  if (isAddress(text)) return toAddress(text);
  throw new InvalidArgumentError(`expected an address of 20 bytes, found ${JSON.stringify(text)}`);
}

/** Several of them. */
export function addresses(text: string, before: readonly Address[] | undefined): readonly Address[] {
  return [...(before ?? []), address(text)];
}

/** A pool on the command line: its address, or a Uniswap V4 pool's id. */
export function poolId(text: string): Address {
  if (isPoolId(text)) return toPoolId(text);
  throw new InvalidArgumentError(
    `expected a pool's address of 20 bytes or its id of 32, found ${JSON.stringify(text)}`,
  );
}

/** Several of them. */
export function poolIds(text: string, before: readonly Address[] | undefined): readonly Address[] {
  return [...(before ?? []), poolId(text)];
}

/** A UTC day on the command line. */
export function day(text: string): Day {
  if (isDay(text)) return text;
  throw new InvalidArgumentError(`expected a day as YYYY-MM-DD, found ${JSON.stringify(text)}`);
}

/** A whole number on the command line, from `min` to `max`. */
export function wholeNumber(what: string, max = Number.MAX_SAFE_INTEGER, min = 0): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`expected ${what}, found ${JSON.stringify(text)}`);
  };
}

/** A block hash on the command line. */
export function blockHash(text: string): string {
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) return text;
  throw new InvalidArgumentError(`expected a block hash of 32 bytes, found ${JSON.stringify(text)}`);
}
