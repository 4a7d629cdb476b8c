/** Bytes as hex digits without 0x, or a list of items, as RLP nests them. */
export type RlpItem = string | readonly RlpItem[];

const BYTES = 0x80;
const LIST = 0xc0;
/** Longer payloads have their length in bytes of its own. */
const SHORT_MAX = 55;

/** Recursive length prefix encoding (yellow paper, appendix B), as hex digits. */
export function encodeRlp(item: RlpItem): string {
  if (typeof item !== "string") return prefixed(LIST, item.map(encodeRlp).join(""));
  if (item.length === 2 && Number.parseInt(item, 16) < BYTES) return item;
  return prefixed(BYTES, item);
}

/** The item that these hex digits encode. @throws where they are not one item */
export function decodeRlp(encoded: string): RlpItem {
  const { item, end } = itemAt(encoded, 0);
  if (end !== encoded.length) throw new Error(`${(encoded.length - end) / 2} bytes follow an RLP item`);
  return item;
}

function itemAt(encoded: string, at: number): { readonly item: RlpItem; readonly end: number } {
  const first = Number.parseInt(encoded.slice(at, at + 2), 16);
  if (at + 2 > encoded.length || Number.isNaN(first)) throw new Error("an RLP item is cut off");
  if (first < BYTES) return { item: encoded.slice(at, at + 2), end: at + 2 };
  const offset = first < LIST ? BYTES : LIST;
  const short = first - offset;
  const start = at + 2 + 2 * Math.max(0, short - SHORT_MAX);
  const length = short > SHORT_MAX ? Number.parseInt(encoded.slice(at + 2, start), 16) : short;
  const end = start + 2 * length;
  if (!(end <= encoded.length)) throw new Error("an RLP item is cut off");
  if (offset === BYTES) return { item: encoded.slice(start, end), end };
  const items: RlpItem[] = [];
  for (let next = start; next < end; ) {
    const { item, end: last } = itemAt(encoded, next);
    items.push(item);
    next = last;
  }
  return { item: items, end };
}

/** A whole number of at least 0 as RLP has it: big-endian without leading zeros, zero as no bytes. */
export function quantityDigits(value: bigint): string {
  return value === 0n ? "" : evenDigits(value.toString(16));
}

function prefixed(offset: number, payload: string): string {
  const length = payload.length / 2;
  if (length <= SHORT_MAX) return (offset + length).toString(16) + payload;
  const digits = evenDigits(length.toString(16));
  return (offset + SHORT_MAX + digits.length / 2).toString(16) + digits + payload;
}

function evenDigits(digits: string): string {
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}
