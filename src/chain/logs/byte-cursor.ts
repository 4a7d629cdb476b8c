/** What makes something of a text that stood in quotes; undefined where that cannot be. */
export interface Check<T> {
  of(text: string): T | undefined;
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const DIGIT_0 = 0x30;
const COLON = 0x3a;
const LETTER_X = 0x78;
const OBJECT_END = 0x7d;
const BACKSLASH = 0x5c;
const LITERAL = /^(?:null|true|false|-?(?:0|[1-9][0-9]{0,14}))$/;
/** A quantity of so many digits is a safe integer. */
const QUANTITY_DIGITS_MAX = 13;

/** Four zeros. */
const ZEROS = 0x30303030;
/** What a hex digit stands for, by its character. */
const NO_DIGIT = 0x100;
const DIGITS = Uint16Array.from({ length: 256 }, (_, i) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(i));
  return digit < 0 ? NO_DIGIT : digit;
});
/** The same for two, the first in the lower half: as a little-endian number has them. */
const PAIRS = Uint16Array.from({ length: 0x10000 }, (_, i) => {
  const byte = ((DIGITS[i & 0xff] ?? 0) << 4) | (DIGITS[i >> 8] ?? 0);
  return byte < NO_DIGIT ? byte : NO_DIGIT;
});

/** What a field held last, and where: neighbours mostly hold the same, and what is equal needs no second look. */
export class Slot<T> {
  readonly check: Check<T>;
  at = 0;
  length = 0;
  value: T | undefined;

  constructor(check: Check<T>) {
    this.check = check;
  }
}

/**
 * A place in the bytes of a JSON text; every step tells whether it met what it expected, and passes it where it did.
 */
export class ByteCursor {
  /** The next byte. */
  at: number;
  readonly #body: Buffer;
  readonly #view: DataView;

  constructor(body: Buffer, at: number) {
    this.#body = body;
    this.#view = new DataView(body.buffer, body.byteOffset, body.length);
    this.at = at;
  }

  /** The next byte, without passing it. */
  get byte(): number | undefined {
    return this.#body[this.at];
  }

  /** The next byte, passed. */
  take(): number | undefined {
    return this.#body[this.at++];
  }

  /** The name of the key that stands next, without passing it. */
  key(): string | undefined {
    const end = this.#body.indexOf(QUOTE, this.at + 1);
    if (this.byte !== QUOTE || end < 0 || this.#body[end + 1] !== COLON) return undefined;
    return this.#body.toString("latin1", this.at + 1, end);
  }

  passes(text: Buffer): boolean {
    for (let i = 0; i < text.length; i++) if (this.#body[this.at + i] !== text[i]) return false;
    this.at += text.length;
    return true;
  }

  /** Passes what stands at another place, too. */
  passesSame(other: number, length: number): boolean {
    if (!this.#areSame(this.at, other, length)) return false;
    this.at += length;
    return true;
  }

  text(): string | undefined {
    const end = this.#body.indexOf(QUOTE, this.at + 1);
    if (this.byte !== QUOTE || end < 0) return undefined;
    const text = this.#body.toString("latin1", this.at + 1, end);
    this.at = end + 1;
    return text;
  }

  value<T>(slot: Slot<T>): T | undefined {
    const from = this.at;
    if (slot.length > 0 && this.#areSame(from, slot.at, slot.length)) {
      this.at += slot.length;
      return slot.value;
    }
    const text = this.text();
    slot.value = text === undefined ? undefined : slot.check.of(text);
    slot.at = from;
    slot.length = slot.value === undefined ? 0 : this.at - from;
    return slot.value;
  }

  #areSame(from: number, other: number, length: number): boolean {
    const [body, view] = [this.#body, this.#view];
    if (from + length > body.length) return false;
    let i = 0;
    for (; i + 4 <= length; i += 4) if (view.getUint32(from + i) !== view.getUint32(other + i)) return false;
    for (; i < length; i++) if (body[from + i] !== body[other + i]) return false;
    return true;
  }

  /** Where the digits begin if hex in quotes stands next. */
  #firstDigit(): number | undefined {
    const [body, at] = [this.#body, this.at];
    return body[at] === QUOTE && body[at + 1] === DIGIT_0 && body[at + 2] === LETTER_X ? at + 3 : undefined;
  }

  /** A number of up to 13 hex digits in quotes. */
  quantity(): number | undefined {
    const [body, from] = [this.#body, this.#firstDigit()];
    if (from === undefined) return undefined;
    let number = 0;
    let end = from;
    for (; end <= from + QUANTITY_DIGITS_MAX; end++) {
      const digit = DIGITS[body[end] ?? QUOTE] ?? NO_DIGIT;
      if (digit === NO_DIGIT) break;
      number = number * 16 + digit;
    }
    if (end === from || end > from + QUANTITY_DIGITS_MAX || body[end] !== QUOTE) return undefined;
    this.at = end + 1;
    return number;
  }

  /** Passes a value that nobody needs: text without escapes, or a literal. */
  skips(): boolean {
    const [body, from] = [this.#body, this.at];
    if (body[from] === QUOTE) {
      for (let at = from + 1; at < body.length; at++) {
        const byte = body[at] ?? BACKSLASH;
        if (byte === BACKSLASH || byte < SPACE) return false; // Of control characters JSON has none.
        if (byte !== QUOTE) continue;
        this.at = at + 1;
        return true;
      }
      return false;
    }
    while (this.at < body.length && this.byte !== COMMA && this.byte !== OBJECT_END) this.at += 1;
    return LITERAL.test(body.toString("latin1", from, this.at));
  }

  /**
   * Writes hex in quotes as the bytes it stands for. `length`: how many they must be; `guess`: how many they may well
   * be, which is quicker than to look for the end. @returns how many; undefined where it is no hex, or of another
   * length.
   */
  hexTo(target: DataView, place: number, length?: number, guess = 0): number | undefined {
    const [body, from] = [this.#body, this.#firstDigit()];
    if (from === undefined) return undefined;
    const likely = from + 2 * (length ?? guess);
    if (body[likely] === QUOTE && this.#areDigits(target, place, from, likely)) return length ?? guess;
    if (length !== undefined) return undefined;
    const end = body.indexOf(QUOTE, from);
    if (end < from || (end - from) % 2 !== 0) return undefined;
    return this.#areDigits(target, place, from, end) ? (end - from) / 2 : undefined;
  }

  /** Whether all that stands there is digits; they are written, and passed with the quote behind them. */
  #areDigits(target: DataView, place: number, from: number, end: number): boolean {
    const view = this.#view;
    let all = 0;
    let at = from;
    let to = place;
    for (; at + 8 <= end; at += 8, to += 4) {
      const [four, more] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
      if (four === ZEROS && more === ZEROS) {
        target.setInt32(to, 0); // Half of what logs hold.
        continue;
      }
      const first = PAIRS[four & 0xffff] ?? NO_DIGIT;
      const second = PAIRS[four >>> 16] ?? NO_DIGIT;
      const third = PAIRS[more & 0xffff] ?? NO_DIGIT;
      const fourth = PAIRS[more >>> 16] ?? NO_DIGIT;
      all |= first | second | third | fourth;
      target.setInt32(to, first | (second << 8) | (third << 16) | (fourth << 24), true);
    }
    for (; at < end; at += 2, to++) {
      const byte = PAIRS[view.getUint16(at, true)] ?? NO_DIGIT;
      all |= byte;
      target.setUint8(to, byte);
    }
    this.at = end + 1;
    return all < NO_DIGIT;
  }
}
