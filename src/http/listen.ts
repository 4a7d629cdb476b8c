import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";

const REQUEST_MS_MAX = 10_000;
const HEADERS_MS_MAX = 5_000;
const KEEP_ALIVE_MS = 5_000;
const CONNECTIONS_MAX = 256;
const HEADER_BYTES_MAX = 16_384;

export interface Listening {
  readonly port: number;
  close(): void;
}

/** Serves an app with bounds on everything a client could make last. @throws EADDRINUSE and others of the system */
export function listen(
  app: Hono,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch, serverOptions: { maxHeaderSize: HEADER_BYTES_MAX } });
  if ("requestTimeout" in server) {
    server.requestTimeout = REQUEST_MS_MAX;
    server.headersTimeout = HEADERS_MS_MAX;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.maxRequestsPerSocket = 1_000;
  }
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () => {
          server.close();
          if ("closeAllConnections" in server) server.closeAllConnections();
        },
      });
    });
  });
}
