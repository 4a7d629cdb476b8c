import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { atEnd } from "./ledger.ts";

interface Answer {
  readonly id: number;
  result?: unknown;
}

/** Changes the answer to one call; gets its method and params. */
export type Lie = (method: string, params: readonly unknown[], result: unknown) => unknown;

/** A JSON-RPC proxy before a real node that lies as it is told; ends with the test. */
export async function lyingProxy(nodeUrl: string, lie: Lie): Promise<string> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", async () => {
      const body = Buffer.concat(chunks).toString();
      const calls = [JSON.parse(body)].flat() as { id: number; method: string; params: unknown[] }[];
      const honest = await fetch(nodeUrl, { method: "POST", headers: { "content-type": "application/json" }, body });
      const parsed = (await honest.json()) as Answer | Answer[];
      for (const answer of [parsed].flat()) {
        const call = calls.find((each) => each.id === answer.id);
        if (call !== undefined && Object.hasOwn(answer, "result"))
          answer.result = lie(call.method, call.params, answer.result);
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(parsed));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
