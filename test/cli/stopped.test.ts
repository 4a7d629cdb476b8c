import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Daemon } from "../../demo/daemon.ts";
import { atEnd, temporaryFolder } from "../support/ledger.ts";
import { programmeLedger } from "../support/programme-ledger.ts";

describe("a start that is told to stop while it waits for a node that never answers", () => {
  it.each([
    [[], 0],
    [["--once"], 75],
  ])("%j ends with %i", async (argv, code) => {
    let asked = (): void => {};
    const wasAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server = createServer(() => asked());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const { place } = await programmeLedger();
    const { port } = server.address() as AddressInfo;
    const database = join(temporaryFolder(), "ledger.sqlite");
    const daemon = new Daemon({ ...place, database, rpcUrl: `http://127.0.0.1:${port}/` });
    atEnd(() => void daemon.end("SIGKILL"));
    daemon.start(argv);
    await wasAsked;
    expect(await daemon.end("SIGTERM")).toBe(code);
  });
});
