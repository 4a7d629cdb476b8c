import { describe, expect, it } from "vitest";
import { pageOf } from "../../src/http/cursors.ts";

describe("a page of a list", () => {
  const rows = [
    { block: 9, pool: "b" },
    { block: 10, pool: "a" },
    { block: 10, pool: "c" },
  ];
  const page = (all: typeof rows, after?: string) =>
    pageOf(all, ({ block, pool }) => [block, pool], /^\d+~[a-z]$/, { limit: 1, after });

  it("goes on after its cursor, in the order of numbers", () => {
    const seen: unknown[] = [];
    for (let after: string | null | undefined; after !== null && seen.length < 9; ) {
      const { data, next } = page([...rows].reverse(), after);
      seen.push(...data);
      after = next;
    }
    expect(seen).toEqual(rows);
  });

  it("goes on where the row that a cursor names is gone by now", () => {
    const [first, second, third] = rows;
    const { next } = page(rows.slice(0, 2));
    expect(page([second, third] as typeof rows, next ?? "").data).toEqual([second]);
    expect(page([first, third] as typeof rows, "10~a").data).toEqual([third]);
    expect(page([first] as typeof rows, "10~a")).toEqual({ data: [], next: null });
  });

  it("is refused after what no answer gave", () => {
    expect(() => page(rows, "nonsense")).toThrow("after: expected an answer's `next`");
  });
});
