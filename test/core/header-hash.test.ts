import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { judgeHeader } from "../../src/core/header-hash.ts";
import { decodeRlp, encodeRlp, quantityDigits, type RlpItem } from "../../src/core/rlp.ts";
import { sharedFolder } from "../support/shared.ts";

type Header = Record<string, string>;
interface RealHeader {
  readonly chain: string;
  readonly number: number;
  readonly header: Header;
  /** Of chains with rules of their own. */
  readonly recomputes?: { readonly headerHash: boolean | string };
}

function jsonOf(path: string): unknown {
  const bytes = readFileSync(path);
  return JSON.parse((path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString());
}

const FIXTURES = jsonOf(new URL("../fixtures/headers.json", import.meta.url).pathname) as readonly RealHeader[];

describe("a header of a real chain", () => {
  it.each(FIXTURES.map((each) => [`${each.chain} ${each.number}`, each.header] as const))(
    "recomputes, and no longer with any other time: %s",
    (_name, header) => {
      expect(judgeHeader(header)).toEqual({ kind: "authentic" });
      const later = `0x${(Number(header["timestamp"]) + 1).toString(16)}`;
      expect(judgeHeader({ ...header, timestamp: later }).kind).toBe("differs");
      expect(judgeHeader({ ...header, fieldOfTheNextFork: "0x1", timestamp: later }).kind).toBe("unknown");
      // What is left out or is no hexadecimal is no new form: a header could be kept from being judged by that.
      expect(judgeHeader({ ...header, stateRoot: null } as never).kind).toBe("incomplete");
      expect(judgeHeader({ ...header, timestamp: later, transactionsRoot: "0xzz" }).kind).toBe("incomplete");
    },
  );

  const folder = sharedFolder("blocks");
  it.skipIf(folder === undefined)("recomputes, of all that are at hand", () => {
    const names = readdirSync(folder ?? "").filter((name) => /-\d+\.json(\.gz)?$/.test(name));
    const blocks = names.map((name) => jsonOf(`${folder}/${name}`) as RealHeader);
    const single = jsonOf(`${folder}/headers.json.gz`) as RealHeader[];
    const all = [...blocks, ...single];
    expect(all.length).toBeGreaterThanOrEqual(200);
    expect(all.filter(({ header }) => judgeHeader(header).kind !== "authentic").map(({ chain }) => chain)).toEqual([]);
    for (const { recomputes, header } of jsonOf(`${folder}/other-rules.json.gz`) as RealHeader[])
      expect(judgeHeader(header).kind === "authentic").toBe(recomputes?.headerHash !== false);
  });
});

describe("RLP", () => {
  // The examples of the Ethereum wiki's page on RLP.
  const text = (value: string): string => Buffer.from(value).toString("hex");
  const long = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
  it.each<readonly [RlpItem, string]>([
    [text("dog"), "83646f67"],
    [[text("cat"), text("dog")], "c88363617483646f67"],
    [text(""), "80"],
    [[], "c0"],
    [quantityDigits(0n), "80"],
    [quantityDigits(15n), "0f"],
    [quantityDigits(1024n), "820400"],
    [[[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"],
    [text(long), `b838${Buffer.from(long).toString("hex")}`],
  ])("of an item is what the specification says, and read back: %#", (item, hex) => {
    const encoded = encodeRlp(item);
    expect(encoded).toBe(hex);
    expect(encodeRlp(decodeRlp(encoded))).toBe(encoded);
  });

  it("that is cut off, or followed by something, is refused", () => {
    const encoded = encodeRlp([text(long), text("dog")]);
    expect(() => decodeRlp(encoded.slice(0, -2))).toThrow(/cut off/);
    expect(() => decodeRlp(`${encoded}01`)).toThrow(/follow/);
    expect(() => decodeRlp("")).toThrow(/cut off/);
  });
});
