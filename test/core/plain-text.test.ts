import { describe, expect, it } from "vitest";
import { csvLine, jsonLine } from "../../src/cli/table.ts";
import { nearestOf } from "../../src/core/nearest.ts";
import { plainLines, plainText } from "../../src/core/plain-text.ts";

describe("what others say", () => {
  it.each([
    ["\u001b[2J\u001b[31mred\u0007", "[2J [31mred"],
    ["one\r\ntwo\u2028three", "one two three"],
    ["\u202eevil\u202c and \u200bunseen\ufeff", "evil and unseen"],
    ["  a   b ", "a b"],
    ["über 漢字 ✓", "über 漢字 ✓"],
  ])("%j reaches a terminal as %j", (said, shown) => {
    expect(plainText(said)).toBe(shown);
  });

  it("keeps the line breaks of several lines that are ours", () => {
    expect(plainLines("a\u001b[1m\n  b\u202e\n\n c")).toBe("a [1m\n  b \n\n c");
  });

  it.each([
    ["=1+1", "'=1+1"],
    ["+1+1", "'+1+1"],
    ["-1+1|cmd", "'-1+1|cmd"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["\t=1", "'=1"],
    [" =1", "'=1"],
    ["\u202e=1", "'=1"],
    ["\uff1d1", "'\uff1d1"],
    ["\u001b[2J\u009b1m", "[2J 1m"],
    ["two\nlines", "two lines"],
    ["-12.5", "-12.5"],
    ["1e3", "1e3"],
    ["plain", "plain"],
    ['a "b", c', '"a ""b"", c"'],
  ])("%j is %j in a table, which no spreadsheet computes", (cell, written) => {
    expect(csvLine([cell])).toBe(`${written}\r\n`);
  });
});

describe("a line of JSON", () => {
  it("holds what it was made of, and nothing that a terminal acts on", () => {
    const symbol = "\u202eevil\u009b1m\u2028";
    const line = jsonLine(["symbol"], [symbol]);
    expect(JSON.parse(line)).toEqual({ symbol });
    expect(line).toBe('{"symbol":"\\u202eevil\\u009b1m\\u2028"}\n');
  });
});

describe("a name that was mistyped", () => {
  const NAMES = ["DATABASE", "RPC_URL", "RPC_URLS", "HTTP_PORT"];
  it.each([
    ["DATABSE", "DATABASE"],
    ["databsae", "DATABASE"],
    ["RCP_URL", "RPC_URL"],
    ["HTTP_PROT", "HTTP_PORT"],
    ["PASSWORD", undefined],
    ["X", undefined],
  ])("%s stands for %s", (typed, meant) => {
    expect(nearestOf(typed, NAMES)).toBe(meant);
  });
});
