import { z } from "zod";
import { parseDecimal } from "../core/decimal.ts";
import { checksummed } from "../core/keccak.ts";

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;

export const address = z
  .string()
  .refine((text) => ADDRESS.test(text), "20 bytes as 0x and 40 hex digits")
  .refine(
    (text) => !ADDRESS.test(text) || [text.toLowerCase(), checksummed(text)].includes(text),
    "an address in lower case or with its EIP-55 checksum",
  )
  .meta({ pattern: "^0x[0-9a-fA-F]{40}$" });

export const poolId = z
  .string()
  .refine((text) => /^0x[0-9a-fA-F]{64}$/.test(text), "a pool's id: 32 bytes as 0x and 64 hex digits")
  .meta({ pattern: "^0x[0-9a-fA-F]{64}$" });

export const token = z.strictObject({
  address,
  symbol: z.string().min(1).max(32),
  decimals: z.int().min(0).max(36),
});

/** Decimal text: a number in JSON would be a float before anybody could look at it. */
export const decimalText = z
  .string()
  .refine((text) => parseDecimal(text, 36) !== undefined, 'decimal text like "1.05"')
  .meta({ pattern: "^(0|[1-9]\\d*)(\\.\\d+)?$" });
