/** Bytes, or a list of items, as RLP nests them. */
export type RlpItem = Uint8Array | readonly RlpItem[];

const BYTES = 0x80;
const LIST = 0xc0;
/** Longer payloads have their length in bytes of its own. */
const SHORT_MAX = 55;

/** Recursive length prefix encoding (yellow paper, appendix B). */
export function encodeRlp(item: RlpItem): Uint8Array {
  if (!(item instanceof Uint8Array)) return prefixed(LIST, joined(item.map(encodeRlp)));
  if (item.length === 1 && (item[0] ?? 0) < BYTES) return item;
  return prefixed(BYTES, item);
}

/** The item that these bytes encode. @throws where they are not one item */
export function decodeRlp(encoded: Uint8Array): RlpItem {
  const { item, end } = itemAt(encoded, 0);
  if (end !== encoded.length) throw new Error(`${encoded.length - end} bytes follow an RLP item`);
  return item;
}

function itemAt(encoded: Uint8Array, at: number): { readonly item: RlpItem; readonly end: number } {
  const first = encoded[at];
  if (first === undefined) throw new Error("an RLP item is cut off");
  if (first < BYTES) return { item: encoded.subarray(at, at + 1), end: at + 1 };
  const offset = first < LIST ? BYTES : LIST;
  const short = first - offset;
  const start = at + 1 + Math.max(0, short - SHORT_MAX);
  let length = short;
  if (short > SHORT_MAX) {
    length = 0;
    for (const byte of encoded.subarray(at + 1, start)) length = length * 256 + byte;
  }
  const end = start + length;
  if (end > encoded.length) throw new Error("an RLP item is cut off");
  if (offset === BYTES) return { item: encoded.subarray(start, end), end };
  const items: RlpItem[] = [];
  for (let next = start; next < end; ) {
    const { item, end: last } = itemAt(encoded, next);
    items.push(item);
    next = last;
  }
  return { item: items, end };
}

/** A whole number of at least 0 as RLP has it: big-endian without leading zeros, zero as no bytes. */
export function quantityBytes(value: bigint): Uint8Array {
  const digits = value === 0n ? "" : value.toString(16);
  const hex = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

function prefixed(offset: number, payload: Uint8Array): Uint8Array {
  if (payload.length <= SHORT_MAX) return joined([Uint8Array.of(offset + payload.length), payload]);
  const length = quantityBytes(BigInt(payload.length));
  return joined([Uint8Array.of(offset + SHORT_MAX + length.length), length, payload]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
