const POWERS: bigint[] = [];

/** 10 to a whole power of at least 0. */
export function tenTo(power: number): bigint {
  const known = POWERS[power] ?? 10n ** BigInt(power);
  POWERS[power] = known;
  return known;
}

export const E18 = tenTo(18);

const DECIMAL = /^(0|[1-9]\d*)(?:\.(\d+))?$/;

/** Decimal text as an integer scaled by 10^places; undefined where it is no such number, or has more places. */
export function parseDecimal(text: string, places: number): bigint | undefined {
  const [, whole, fraction = ""] = DECIMAL.exec(text) ?? [];
  if (whole === undefined || fraction.length > places) return undefined;
  return BigInt(whole) * 10n ** BigInt(places) + BigInt(fraction.padEnd(places, "0") || "0");
}

/** An integer scaled by 10^places as decimal text, exact, without trailing zeros. */
export function formatDecimal(value: bigint, places: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(places + 1, "0");
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  const whole = `${value < 0n ? "-" : ""}${digits.slice(0, digits.length - places)}`;
  return places === 0 || fraction === "" ? whole : `${whole}.${fraction}`;
}

/** A price from decimal text, scaled by 1e18; undefined where the text is no such price. */
export function parsePriceE18(text: string): bigint | undefined {
  return parseDecimal(text, 18);
}

/** The decimal text of a price scaled by 1e18, without trailing zeros. */
export function formatPriceE18(priceE18: bigint): string {
  return formatDecimal(priceE18, 18);
}
