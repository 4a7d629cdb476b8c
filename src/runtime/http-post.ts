import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Fetch, HttpAnswer, HttpRequest } from "../chain/rpc/body.ts";

const AGENT_OPTIONS = { keepAlive: true, scheduling: "lifo" } as const;

/** What a connection reads at a time. */
const READ_BYTES = 2 ** 16;

/**
 * Connections that read into one memory each. A new one for every 64 kB, which lives until it is collected, drives the
 * collector: with many logs it costs a twenty-fifth of all, and 16 MB. Node's parser copies what it hands on (a test
 * holds it to that), so the memory is free again as soon as it has looked.
 */
class ReadingAgent extends HttpAgent {
  override createConnection(...[options, onConnect]: Parameters<HttpAgent["createConnection"]>) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (bytes: number): boolean => {
      socket?.emit("data", buffer.subarray(0, bytes));
      return true; // Whoever has enough pauses the connection.
    };
    const reading: typeof options & { readonly onread: object } = { ...options, onread: { buffer, callback } };
    const socket = super.createConnection(reading, onConnect);
    return socket;
  }
}

const httpAgent = new ReadingAgent(AGENT_OPTIONS);
const httpsAgent = new HttpsAgent(AGENT_OPTIONS);
/** Text that ends early is taken as far as it goes, as `fetch` does; what it says is checked by whoever parses it. */
const CUT = { finishFlush: constants.Z_SYNC_FLUSH };
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * Posts over Node's own HTTP client, which costs a third of `fetch` a byte (decision 17). Follows no redirects; rejects
 * with the socket's error, or with the signal's reason.
 */
export const postOverHttp: Fetch = async (url, init) => {
  try {
    return await send(url, init);
  } catch (error) {
    // A node may close a connection in the moment in which it is used again; nothing was answered on it.
    if ((error as { isStale?: boolean }).isStale === true && !init.signal.aborted) return await send(url, init, true);
    throw error;
  }
};

function send(text: string, { method, headers, body, signal }: HttpRequest, afresh = false): Promise<HttpAnswer> {
  const url = new URL(text);
  const [request, keeping] = url.protocol === "https:" ? [httpsRequest, httpsAgent] : [httpRequest, httpAgent];
  // A node next to us would only spend its time on packing.
  const encoding = LOOPBACK.test(url.hostname) ? "identity" : "gzip, deflate, br";
  const agent = afresh ? false : keeping;
  return new Promise((resolve, reject) => {
    const call = request(url, { method, agent, signal, headers: { ...headers, "accept-encoding": encoding } });
    call.on("response", (response) => resolve(answerOf(response)));
    call.on("error", (error: NodeJS.ErrnoException) => {
      const isStale = call.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(signal.aborted ? signal.reason : Object.assign(error, { isStale }));
    });
    call.end(body);
  });
}

function answerOf(response: IncomingMessage): HttpAnswer {
  const get = (name: string): string | null => {
    const value = response.headers[name.toLowerCase()];
    return value === undefined ? null : String(value);
  };
  return {
    status: response.statusCode ?? 0,
    headers: { get },
    body: unpacked(response, get("content-encoding")?.toLowerCase()),
  };
}

function unpacked(response: IncomingMessage, encoding: string | undefined): AsyncIterable<Uint8Array> {
  const stream =
    encoding === "gzip" || encoding === "x-gzip"
      ? createGunzip(CUT)
      : encoding === "br"
        ? createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
        : encoding === "deflate"
          ? createInflate(CUT)
          : undefined;
  if (stream === undefined) return response;
  response.on("error", (error) => stream.destroy(error));
  // Whoever leaves the unpacked text leaves the connection, too.
  stream.once("close", () => response.destroy());
  return response.pipe(stream);
}
