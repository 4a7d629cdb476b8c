import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { postOverHttp } from "../../src/runtime/http-post.ts";
import { stillClock } from "../support/port.ts";

const signal = new AbortController().signal;
const BLOCK_NUMBER = [{ method: "eth_blockNumber", params: [] }];

/** Serves on a free loopback port while `use` runs. */
async function serving<T>(answer: RequestListener, use: (url: string, connections: () => number) => Promise<T>) {
  let connections = 0;
  const server = createServer(answer).on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => connections);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
}

function rpcAt(url: string): Rpc {
  return new Rpc({ id: "n1", url, fetch: postOverHttp, clock: stillClock, timeoutMs: 1000, bodyBytesMax: 100_000 });
}

async function bodyOf(request: IncomingMessage): Promise<{ readonly id: number }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as { id: number };
}

function answering(pack: (text: string) => Buffer, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const { id } = await bodyOf(request);
    response.writeHead(200, headers).end(pack(JSON.stringify({ jsonrpc: "2.0", id, result: "0x2a €" })));
  };
}

describe("posting over HTTP", () => {
  for (const [encoding, pack] of [
    ["identity", Buffer.from],
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
  ] as const) {
    it(`reads an answer packed by ${encoding}, beyond ASCII too`, async () => {
      const headers = encoding === "identity" ? {} : { "content-encoding": encoding };
      await serving(
        answering((text) => Buffer.from(pack(text as never)), headers),
        async (url) => expect(await rpcAt(url).batch(BLOCK_NUMBER, signal)).toEqual(["0x2a €"]),
      );
    });
  }

  it("keeps its connection, and takes another where the node closed it meanwhile", async () => {
    let closing = false;
    const answer: RequestListener = async (request, response) => {
      if (closing) {
        closing = false;
        request.socket.destroy();
        return;
      }
      await answering(Buffer.from)(request, response);
    };
    await serving(answer, async (url, connections) => {
      const rpc = rpcAt(url);
      for (let i = 0; i < 3; i++) await rpc.batch(BLOCK_NUMBER, signal);
      expect(connections()).toBe(1);
      closing = true;
      expect(await rpc.batch(BLOCK_NUMBER, signal)).toEqual(["0x2a €"]);
      expect(connections()).toBe(2);
    });
  });

  it("hands on bytes that stay as they are while more is read, however they come", async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919 + (i >> 8)) & 0xff));
    for (const isChunked of [false, true]) {
      const answer: RequestListener = async (request, response) => {
        await bodyOf(request);
        response.writeHead(200, isChunked ? {} : { "content-length": bytes.length });
        for (let at = 0; at < bytes.length; at += 70_001) response.write(bytes.subarray(at, at + 70_001));
        response.end();
      };
      await serving(answer, async (url) => {
        // Two answers on one connection after the other, and each piece looked at only when all are there.
        for (let i = 0; i < 2; i++) {
          const { body } = await postOverHttp(url, { method: "POST", headers: {}, body: "{}", signal });
          const pieces: Uint8Array[] = [];
          for await (const piece of body ?? []) pieces.push(piece);
          expect(pieces.length).toBeGreaterThan(10);
          expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
        }
      });
    }
  });

  it("says what failed: nobody there, a body cut off, a body that cannot be unpacked", async () => {
    const codeOf = async (url: string): Promise<string> => {
      const error = await rpcAt(url)
        .batch(BLOCK_NUMBER, signal)
        .catch((each: unknown) => each);
      return error instanceof LpLedgerError ? `${error.code} ${/\((\w+)\)/.exec(error.message)?.[1]}` : String(error);
    };
    const gone = await serving(answering(Buffer.from), async (url) => url);
    expect(await codeOf(gone)).toBe("RPC_UNREACHABLE ECONNREFUSED");
    const cut: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{", () => response.destroy());
    };
    expect(await serving(cut, codeOf)).toBe("RPC_UNREACHABLE ECONNRESET");
    const garbled = answering(Buffer.from, { "content-encoding": "gzip" });
    expect(await serving(garbled, codeOf)).toBe("RPC_UNREACHABLE Z_DATA_ERROR");
  });

  it("stops at once when it is told to, before the answer and within it", async () => {
    for (const begun of [false, true]) {
      const stop = new AbortController();
      const hanging: RequestListener = (_request, response) => {
        if (begun) response.writeHead(200).write("{");
        setImmediate(() => stop.abort(new Error("told to stop")));
      };
      await serving(hanging, async (url) => {
        await expect(rpcAt(url).batch(BLOCK_NUMBER, stop.signal)).rejects.toThrow("told to stop");
      });
    }
  });
});
