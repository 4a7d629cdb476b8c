import { E18 } from "../core/decimal.ts";

const NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Parses JSON with every number as the text it was written as: a price must not pass through a float. */
export function parseExact(json: string): unknown {
  return JSON.parse(json.replaceAll(NUMBER, (token) => (token.startsWith('"') ? token : `"${token}"`)));
}

const EXPONENT_MAX = 400;

/** A JSON number's text as an integer scaled by 1e18, what is smaller cut off; undefined where it is none. */
export function e18Of(text: unknown): bigint | undefined {
  if (typeof text !== "string" || text.length > EXPONENT_MAX) return undefined;
  const [all, sign, whole = "", fraction = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const exponent = Number(power) - fraction.length;
  if (all === undefined || Math.abs(exponent) > EXPONENT_MAX) return undefined;
  const digits = BigInt(whole + fraction) * E18;
  const scaled = exponent < 0 ? digits / 10n ** BigInt(-exponent) : digits * 10n ** BigInt(exponent);
  return sign === "-" ? -scaled : scaled;
}
