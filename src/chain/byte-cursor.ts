/** Text in quotes, whatever it is, as a check makes something of it; undefined where that cannot be. */
export type Check<T> = (text: string) => T | undefined;

const QUOTE = 0x22;
const COMMA = 0x2c;
const DIGIT_0 = 0x30;
const LETTER_X = 0x78;
const OBJECT_END = 0x7d;
const LITERAL = /^(?:null|true|false|-?(?:0|[1-9][0-9]{0,14}))$/;

/** What a digit stands for in the upper and in the lower half of a byte, by its character. */
const NO_DIGIT = 0x100;
const LOW = Uint16Array.from({ length: 256 }, (_, i) => {
  const digit = "0123456789abcdef".indexOf(String.fromCharCode(i));
  return digit < 0 ? NO_DIGIT : digit;
});
const HIGH = LOW.map((digit) => (digit === NO_DIGIT ? digit : digit << 4));

/** What a field held last, and where: neighbours mostly hold the same, and what is equal needs no second look. */
export class Slot<T> {
  at = 0;
  length = 0;
  value: T | undefined;
}

/** A place in the bytes of a JSON text; every step tells whether it met what it expected, and passes it where it did. */
export class ByteCursor {
  /** The next byte. */
  at: number;
  readonly #body: Buffer;

  constructor(body: Buffer, at: number) {
    this.#body = body;
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

  /** The key that stands next, with its quotes and colon, without passing it. */
  key(): Buffer | undefined {
    const end = this.#body.indexOf(QUOTE, this.at + 1);
    if (this.byte !== QUOTE || end < 0 || this.#body[end + 1] !== 0x3a) return undefined;
    return Buffer.from(this.#body.subarray(this.at, end + 2)); // A copy.
  }

  passes(text: Buffer): boolean {
    for (let i = 0; i < text.length; i++) if (this.#body[this.at + i] !== text[i]) return false;
    this.at += text.length;
    return true;
  }

  text(): string | undefined {
    const end = this.#body.indexOf(QUOTE, this.at + 1);
    if (this.byte !== QUOTE || end < 0) return undefined;
    const text = this.#body.toString("latin1", this.at + 1, end);
    this.at = end + 1;
    return text;
  }

  value<T>(slot: Slot<T>, check: Check<T>): T | undefined {
    const from = this.at;
    let same = 0;
    while (same < slot.length && this.#body[from + same] === this.#body[slot.at + same]) same += 1;
    if (slot.length > 0 && same === slot.length) {
      this.at += same;
      return slot.value;
    }
    const text = this.text();
    slot.value = text === undefined ? undefined : check(text);
    slot.at = from;
    slot.length = slot.value === undefined ? 0 : this.at - from;
    return slot.value;
  }

  /** Passes a value that nobody needs: text without escapes, or a literal. */
  skips(): boolean {
    if (this.byte === QUOTE) return this.text()?.includes("\\") === false;
    const from = this.at;
    while (this.at < this.#body.length && this.byte !== COMMA && this.byte !== OBJECT_END) this.at += 1;
    return LITERAL.test(this.#body.toString("latin1", from, this.at));
  }

  /** Writes hex in quotes as the bytes it stands for. @returns how many; undefined where it is no hex, or of another length. */
  hexTo(target: Buffer, place: number, length?: number): number | undefined {
    const [body, from] = [this.#body, this.at + 3];
    if (body[from - 3] !== QUOTE || body[from - 2] !== DIGIT_0 || body[from - 1] !== LETTER_X) return undefined;
    const end = length === undefined ? body.indexOf(QUOTE, from) : from + 2 * length;
    if (end < from || (end - from) % 2 !== 0 || body[end] !== QUOTE) return undefined;
    let all = 0;
    for (let i = from, to = place; i < end; i += 2, to++) {
      const byte = (HIGH[body[i] ?? 0] ?? NO_DIGIT) | (LOW[body[i + 1] ?? 0] ?? NO_DIGIT);
      all |= byte;
      target[to] = byte;
    }
    this.at = end + 1;
    return all < NO_DIGIT ? (end - from) / 2 : undefined;
  }
}
