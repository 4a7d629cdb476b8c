import type { BufferPool } from "../logs/buffer-pool.ts";

/** The part of an answer that the transport reads; a `Response` of `fetch` has it, too. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | null;
}

const BYTES_START = 2 ** 16;
const BYTES_STEP = 2 ** 18;

/**
 * The body of an answer, in memory of `spare` that is to be given back; undefined where it has more bytes than allowed.
 */
export async function readBody(response: HttpAnswer, spare: BufferPool, bytesMax: number): Promise<Buffer | undefined> {
  const announced = bytesAnnounced(response, bytesMax);
  let whole = announced === undefined ? spare.takeLarge(BYTES_START) : spare.take(announced);
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      const end = bytes + chunk.byteLength;
      if (end > bytesMax) {
        spare.give(whole);
        return undefined;
      }
      if (end > whole.length) whole = enlarged(whole, bytes, end);
      whole.set(chunk, bytes);
      bytes = end;
    }
    return whole.subarray(0, bytes);
  } catch (error) {
    spare.give(whole);
    throw error;
  }
}

/** How many bytes to make ready for a body, where it is said how many it has; it may have others. */
function bytesAnnounced(response: HttpAnswer, most: number): number | undefined {
  const bytes = Number(response.headers.get("content-length") ?? Number.NaN);
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > most) return undefined;
  return Math.ceil(bytes / BYTES_STEP) * BYTES_STEP; // The next one may have a few more.
}

/** A buffer larger by a third at least, with what was read so far. */
function enlarged(whole: Buffer, bytes: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil((4 * whole.length) / 3)));
  whole.copy(larger, 0, 0, bytes);
  return larger;
}

/** One request as the transport makes it. */
export interface HttpRequest {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

export type Fetch = (url: string, init: HttpRequest) => Promise<HttpAnswer>;
