import { describe, expect, it } from "vitest";
import { ContractReader } from "../../src/chain/contracts/contract-reader.ts";
import type { Fetch } from "../../src/chain/rpc/body.ts";
import { Rpc } from "../../src/chain/rpc/rpc.ts";
import { toAddress } from "../../src/core/hex.ts";
import { addressOf } from "../support/logs.ts";
import { stillClock } from "../support/port.ts";

/** A node whose answers for block 7 come one after another; of the head it answers as long as it is well. */
function nodeWith(answers: readonly ({ result: string } | { error: string })[], isWell = true): ContractReader {
  const left = [...answers];
  const fetch: Fetch = async (_url, init) => {
    const { id, params } = JSON.parse(String(init.body)) as { id: number; params: readonly unknown[] };
    const answer = params[1] === "0x7" ? (left.shift() ?? { error: "Internal error" }) : { result: "0x60" };
    const said = params[1] === "latest" && !isWell ? { error: "Internal error" } : answer;
    const body = "error" in said ? { error: { code: -32603, message: said.error } } : said;
    return new Response(JSON.stringify({ jsonrpc: "2.0", id, ...body }));
  };
  const url = "http://127.0.0.1:1/";
  return new ContractReader(
    new Rpc({ id: "n1", url, fetch, clock: stillClock, timeoutMs: 1000, bodyBytesMax: 65_536 }),
  );
}

describe("whether a contract was there at an old block", () => {
  const at = toAddress(addressOf(0xe01));
  const ask = (reader: ContractReader) => reader.hasCode(at, 7, new AbortController().signal);

  it("is what the node says, and not known where it no longer has that state", async () => {
    expect(await ask(nodeWith([{ result: "0x60" }]))).toBe(true);
    expect(await ask(nodeWith([{ result: "0x" }]))).toBe(false);
    expect(await ask(nodeWith([{ error: "missing trie node 1234 (path ) state 0x12 is not available" }]))).toBe(null);
  });

  it("is asked again after a failure that says nothing of old state", async () => {
    expect(await ask(nodeWith([{ error: "Internal error" }, { result: "0x60" }]))).toBe(true);
    // One that fails at old blocks only, again and again, words it in its own way.
    expect(await ask(nodeWith([]))).toBe(null);
    expect(await ask(nodeWith([{ error: "the method eth_getCode does not exist/is not available" }], false))).toBe(
      null,
    );
    await expect(ask(nodeWith([], false))).rejects.toMatchObject({ code: "RPC_ERROR" });
  });
});
