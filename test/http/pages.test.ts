import { describe, expect, it } from "vitest";
import { seeded } from "../../demo/life.ts";
import { checksummed } from "../../src/core/keccak.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { appOf, type Envelope } from "../support/http.ts";
import { programmeLedger } from "../support/programme-ledger.ts";

type Rows = readonly Readonly<Record<string, unknown>>[];

async function calculated() {
  const ledger = await programmeLedger();
  expect((await ledger.run("rewards", "calculate")).code).toBe(0);
  return { ...ledger, ...appOf(ledger) };
}

/** All rows of a list, so many at a time. */
async function paged(get: ReturnType<typeof appOf>["get"], path: string, limit: number): Promise<Rows> {
  const rows: Readonly<Record<string, unknown>>[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const after: string = next === "" ? "" : `&after=${encodeURIComponent(next)}`;
    const answer = await get(`${path}${path.includes("?") ? "&" : "?"}limit=${limit}${after}`);
    expect([answer.status, path]).toEqual([200, path]);
    const { data, next: following } = answer.json as Envelope<Rows>;
    expect(data.length).toBeLessThanOrEqual(limit * 3); // Days of a provider end between days.
    rows.push(...data);
    next = following ?? null;
  }
  return rows;
}

describe("lists", () => {
  it("are the same in pages of any size", async () => {
    const { get, ledger } = await calculated();
    const [provider] = (await paged(get, "/v1/providers", 100)) as readonly { provider: string }[];
    const paths = ROUTES.filter(({ query }) => "after" in query.shape).map(({ path }) =>
      path.replace("{address}", provider?.provider ?? "").replace("{n}", "1"),
    );
    expect(paths.length).toBeGreaterThanOrEqual(10);
    for (const path of paths) {
      const whole = await paged(get, path, 1_000);
      for (const limit of [1, 2, 7]) expect([path, await paged(get, path, limit)]).toEqual([path, whole]);
    }
    // And an epoch's rows are what is paid.
    const rows = (await paged(get, "/v1/epochs/1/rewards", 3)) as readonly { provider: string; paid: string }[];
    const stored = ledger.store.db
      .prepare("select paid from rewards where epoch = 1 order by provider_address")
      .pluck()
      .all();
    expect(rows.map(({ paid }) => paid)).toEqual(stored);
    const epoch = (await get("/v1/epochs/1")).json as Envelope<{ rewards: readonly { providers: number }[] }>;
    expect(epoch.data.rewards).toMatchObject([{ providers: rows.length }]);
  });

  it("refuse what is no cursor of theirs, on every route", async () => {
    const { get } = await calculated();
    const address = `0x${"1".repeat(40)}`;
    for (const { path, query } of ROUTES) {
      if (!("after" in query.shape)) continue;
      const asked = path.replace("{address}", address).replace("{n}", "1");
      for (const after of [
        "x",
        "",
        "0",
        "2026-02-30",
        "0x12",
        "a.b",
        "a~b~c",
        "~~",
        "9.9",
        "-1",
        "%00",
        `0x${"2".repeat(40)}~no%20such%20place~${address}`,
      ]) {
        const { status, text } = await get(`${asked}?after=${after}`);
        expect([asked, after, status]).toEqual([asked, after, 400]);
        expect(text).toContain("after: expected an answer's `next`");
      }
    }
  });

  it("refuse a cursor of another list: of a token that an epoch does not give, or of a value that no ledger holds", async () => {
    const { get } = await calculated();
    const address = `0x${"1".repeat(40)}`;
    for (const path of [
      `/v1/epochs/1/rewards?after=1.${address}`,
      `/v1/epochs/1/rewards?after=9999.${address}`,
      `/v1/providers?after=9999999999999999999.${address}`,
      `/v1/providers?after=-9223372036854775809.${address}`,
    ])
      expect([path, (await get(path)).status]).toEqual([path, 400]);
    expect((await get(`/v1/epochs/1/rewards?after=0.${address}`)).status).toBe(200);
  });

  it.each(["2026-02-30", "2026-13-01", "2026-1-1", "0000-00-00", "20260101"])(
    "of days refuse %s, which is no day",
    async (day) => {
      const { get } = await calculated();
      for (const path of ["/v1/days", `/v1/providers/0x${"1".repeat(40)}/days`])
        for (const name of ["from", "to"]) {
          const { status, text } = await get(`${path}?${name}=${day}`);
          expect([status, text.includes(`${name}: a UTC day as YYYY-MM-DD`)]).toEqual([400, true]);
        }
    },
  );
});

describe("addresses", () => {
  it("carry their checksums in every answer, also where they are keys", async () => {
    const [token, nobody] = [`0x${"0".repeat(32)}ccabcdef`, `0x${"0".repeat(32)}abcdefab`];
    const tokens = [{ address: token, symbol: "R", decimals: 6, budget: "600" }];
    const ledger = await programmeLedger({ rewards: { tokens, epochs: { days: 2 }, exclude: [nobody] } });
    await ledger.run("rewards", "calculate");
    const { get } = appOf(ledger);
    const [provider] = (await paged(get, "/v1/providers", 100)).map((row) => String(row["provider"]));
    for (const { path } of ROUTES) {
      const { text } = await get(path.replace("{address}", provider ?? "").replace("{n}", "1"));
      const all = [...text.matchAll(/"(0x[0-9a-fA-F]{40})"/g)].map(([, each = ""]) => each);
      expect([path, all.filter((each) => checksummed(each) !== each)]).toEqual([path, []]);
    }
  });
});

describe("whatever is asked", () => {
  const REQUESTS = 50_000;

  it("is answered with what is there, or refused: never an internal error", async () => {
    const { get } = await calculated();
    const random = seeded(11);
    const one = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
    const providers = (await paged(get, "/v1/providers", 100)).map((row) => String(row["provider"]));
    const pools = (await paged(get, "/v1/pools", 100)).map((row) => String(row["pool"]));
    const values = (): string =>
      one([
        ...["", "0", "1", "-1", "7", "1e3", "99999999999999999999", "NaN", "null", "true", "0x", "0X1", "0.5"],
        ...[
          "2026-01-01",
          "2026-02-30",
          "9999-99-99",
          "'",
          '"',
          "%00",
          "%0d%0a",
          "%ff%fe",
          "..%2f..",
          "<x>",
          "[]",
          "{}",
        ],
        ...["%F0%9F%92%A9", "1;drop table pools", "a~b~c", "0.0x12", "2026-01-01.0x12", one(providers), one(pools)],
        `${one(pools).toLowerCase()}~~${one(providers).toLowerCase()}`,
        `0.${one(providers).toLowerCase()}`,
        `2026-01-02.${one(pools).toLowerCase()}`,
        "9".repeat(Math.floor(random() * 400)),
      ]);
    const names = ["limit", "after", "search", "tier", "from", "to", "block", "cumulative", "token", "colour", "limit"];
    const seen = new Map<number, number>();
    for (let i = 0; i < REQUESTS; i++) {
      const { path } = one(ROUTES);
      const filled = path
        .replace("{address}", () => (random() < 0.6 ? one(providers) : values()))
        .replace("{n}", () => (random() < 0.6 ? one(["1", "2", "3"]) : values()));
      const query = Array.from({ length: Math.floor(random() * 4) }, () => `${one(names)}=${values()}`).join("&");
      const asked = `${random() < 0.95 ? filled : `/${values()}`}${query === "" ? "" : `?${query}`}`;
      const { status, text } = await get(asked, random() < 0.05 ? { "if-none-match": values() || "*" } : {});
      seen.set(status, (seen.get(status) ?? 0) + 1);
      if (![200, 304, 400, 404, 409, 414].includes(status)) throw new Error(`${status} for ${asked}: ${text}`);
    }
    for (const status of [200, 400, 404]) expect(seen.get(status) ?? 0).toBeGreaterThan(REQUESTS / 30);
  });
});
