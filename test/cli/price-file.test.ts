import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readPriceFile } from "../../src/cli/price-file.ts";
import { readUserFile } from "../../src/config/user-file.ts";
import { LpLedgerError } from "../../src/core/errors.ts";
import { temporaryFolder } from "../support/ledger.ts";

const TOKEN = `0x${"0".repeat(38)}b1`;
const CELLS = { token: TOKEN, date: "2026-01-31", price: "1.05" };
const WHAT = "the price file p";

function cellsOf(text: string): unknown {
  return readPriceFile(text, WHAT).map(({ cells }) => cells);
}

function refusalOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof LpLedgerError && error.exitCode === 78) return error.message;
    throw error;
  }
  return "read";
}

describe("a file of prices", () => {
  it.each([
    ["with commas", `token,date,price\n${TOKEN},2026-01-31,1.05\n`],
    ["with semicolons and the line ends of Windows", `token;date;price\r\n${TOKEN};2026-01-31;1.05\r\n`],
    ["with tabs, in another order", `date\tprice\ttoken\n2026-01-31\t1.05\t${TOKEN}`],
    ["with quotes and white space", `"token", "date", "price"\n"${TOKEN}", "2026-01-31", "1.05"\n\n`],
    ["as JSON", JSON.stringify([CELLS])],
  ])("is read %s", (_, text) => {
    expect(cellsOf(text)).toEqual([CELLS]);
  });

  it.each([
    ["[{", "expected JSON, found its end in line 1: it is empty or cut off"],
    ['[\n{"token": 1,}\n]', "in line 2"],
    ["[null]", "row 1: expected an object with token, date, price, found null"],
    ["[[1]]", "row 1: expected an object with token, date, price, found [1]"],
    ['{"token": "x"}', 'expected a list of objects, found {"token":"x"}'],
    ["", "line 1: expected a JSON list, or the heading token,date,price"],
    ["token,date\n1,2", "line 1: expected a JSON list, or the heading token,date,price, found token,date"],
    [`token,date,price\n${TOKEN},2026-01-31\n`, "line 2: expected 3 cells, found 2"],
    [`token,date,price\n\n${TOKEN},2026-01-31,1,05\n`, "line 3: expected 3 cells, found 4"],
    [`token,date,price\n"${TOKEN},2026-01-31,1.05\n`, "expected cells, each whole or within quotes"],
    [`token,date,price\n${TOKEN},2026-01-31,1"05\n`, "line 2: expected cells, each whole or within quotes"],
  ])("%j is refused with its place", (text, message) => {
    expect(refusalOf(() => cellsOf(text))).toContain(message);
  });

  it.each([
    ["with a byte order mark", Buffer.from(`\ufeff${JSON.stringify([CELLS])}`), "read"],
    ["in UTF-16", Buffer.from("\ufefftoken,date,price", "utf16le"), "UTF-16: save it again as UTF-8"],
    ["of other bytes", Buffer.from([0x74, 0xc3, 0x28]), "expected text as UTF-8, found bytes that are none"],
  ])("%s is %s", (_, bytes, outcome) => {
    const path = join(temporaryFolder(), "prices");
    writeFileSync(path, bytes);
    expect(refusalOf(() => cellsOf(readUserFile(path, WHAT)))).toContain(outcome);
  });

  it("that is not there, or a folder, is no bug either", () => {
    expect(refusalOf(() => readUserFile(join(temporaryFolder(), "none"), WHAT))).toContain("a readable file");
    expect(refusalOf(() => readUserFile(temporaryFolder(), WHAT))).toContain("a readable file");
  });
});
