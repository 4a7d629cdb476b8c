/** So many are kept, of at most so many bytes each. */
const BUFFERS_MAX = 4;
const BYTES_MAX = 2 ** 23;

/**
 * Large buffers that are used again: one thrown away after each answer would lie in memory until enough of them have
 * piled up to be collected.
 */
export class BufferPool {
  readonly #buffers: Buffer[] = [];

  /** A buffer of at least so many bytes, whatever they hold: the smallest that is kept, or a new one. */
  take(bytes: number): Buffer {
    return this.#taken(
      this.#buffers.findLastIndex((each) => each.length >= bytes),
      bytes,
    );
  }

  /** The same where more may be needed than is known yet: the largest. */
  takeLarge(bytes: number): Buffer {
    return this.#taken(
      this.#buffers.findIndex((each) => each.length >= bytes),
      bytes,
    );
  }

  #taken(at: number, bytes: number): Buffer {
    const [found] = at < 0 ? [] : this.#buffers.splice(at, 1);
    return found ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Takes a buffer back that nobody reads any more; the largest stay. */
  give(buffer: Buffer): void {
    if (buffer.length > BYTES_MAX || buffer.length === 0) return;
    this.#buffers.push(buffer);
    this.#buffers.sort((a, b) => b.length - a.length);
    if (this.#buffers.length > BUFFERS_MAX) this.#buffers.pop();
  }
}
