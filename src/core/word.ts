// Words as they lie in a log, the highest byte first.

/** Bytes of a hash, a topic or a number. */
export const WORD_BYTES = 32;

/** Whether so many bytes, all of them full of ones or zeros, stand at a place: `bits` is -1 or 0. */
export function isFilled(view: DataView, at: number, length: number, bits: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) if (view.getInt32(at + i) !== bits) return false;
  for (; i < length; i++) if (view.getInt8(at + i) !== bits) return false;
  return true;
}

/** The lower half of a word. Whatever is small is told by 32 bits at a time, since every bigint is made in memory. */
function low128(view: DataView, at: number): bigint {
  const low = view.getBigUint64(at + 24);
  if (view.getInt32(at + 16) === 0 && view.getInt32(at + 20) === 0) return low;
  return (view.getBigUint64(at + 16) << 64n) | low;
}

/** A whole word; most amounts are much smaller than it holds. */
export function unsigned(view: DataView, at: number): bigint {
  const low = low128(view, at);
  if (isFilled(view, at, 16, 0)) return low;
  return (((view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8)) << 128n) | low;
}

/** A whole word in two's complement. */
export function signed(view: DataView, at: number): bigint {
  if (isFilled(view, at, 16, 0)) return low128(view, at);
  if (view.getInt32(at + 16) >= 0 || !isFilled(view, at, 16, -1)) return BigInt.asIntN(256, unsigned(view, at));
  const isShort = view.getInt32(at + 16) === -1 && view.getInt32(at + 20) === -1 && view.getInt32(at + 24) < 0;
  if (isShort) return view.getBigInt64(at + 24);
  return (view.getBigInt64(at + 16) << 64n) | view.getBigUint64(at + 24);
}

/** A word of `int24`; undefined where it is out of range. */
export function int24(view: DataView, at: number): number | undefined {
  const value = view.getInt32(at + 28);
  return (value << 8) >> 8 === value && isFilled(view, at, 28, value < 0 ? -1 : 0) ? value : undefined;
}

/** Writes a number as the word at the beginning of `view`, in two's complement. */
export function writeNumber(view: DataView, value: bigint): void {
  for (let at = WORD_BYTES - 8, rest = value; at >= 0; at -= 8, rest >>= 64n) view.setBigUint64(at, rest);
}

/** Whether the words that begin at two places are the same. */
export function isSameWord(a: DataView, atA: number, b: DataView, atB: number): boolean {
  for (let i = 0; i < WORD_BYTES; i += 4) if (a.getInt32(atA + i) !== b.getInt32(atB + i)) return false;
  return true;
}
