import { describe, expect, it } from "vitest";
import { rebuild } from "../../src/ledger/rebuild.ts";
import { sha256 } from "../../src/runtime/platform.ts";
import { priceService } from "../support/price-service.ts";
import { programmeLedger } from "../support/programme-ledger.ts";
import { PAIR, TOKENS } from "../support/world.ts";

const [T0, T1] = TOKENS;
const LLAMA = `ethereum:${T0}`;
const PRICES = {
  [T0]: [{ coingecko: { id: "tbtc" } }, { defillama: { coin: LLAMA } }],
  [T1]: { pool: PAIR },
};
const endOf = (day: string): number => Date.parse(`${day}T00:00:00Z`) / 1000 + 86_400;

/** CoinGecko's documented shape, with every number as the text it is to have. */
const chart = (samples: readonly (readonly [sec: number, price: string])[]): string =>
  `{"prices":[${samples.map(([sec, price]) => `[${sec}000,${price}]`).join(",")}],"market_caps":[],"total_volumes":[]}`;

/** DefiLlama's documented shape. */
const llama = (coin: string, price: string, timestamp: number, confidence: string): string =>
  `{"coins":{"${coin}":{"decimals":18,"symbol":"T0","price":${price},"timestamp":${timestamp},"confidence":${confidence}}}}`;

async function ledgerWith(answer: Parameters<typeof priceService>[0], prices: object = PRICES) {
  const service = await priceService(answer);
  const programme = await programmeLedger({ prices });
  const fetch = (...args: string[]) =>
    programme.runWith(
      {
        COINGECKO_URL: `${service.url}/cg`,
        DEFILLAMA_URL: `${service.url}/llama`,
        COINGECKO_API_KEY: "the-secret-key",
      },
      "prices",
      "fetch",
      ...args,
    );
  const priced = () =>
    programme.ledger.store.db
      .prepare("select date, price, source from token_prices where token_address = ? order by date")
      .all(T0) as { date: string; price: string; source: string }[];
  return { ...programme, service, fetch, priced };
}

describe("prices fetch", () => {
  it("takes the sample nearest to each day's end, exact to the last digit, and asks for no day twice", async () => {
    const days = ["01", "02", "03", "04", "05", "06"].map((day) => `2026-01-${day}`);
    const { fetch, priced, tick, service, ledger, run } = await ledgerWith(() => ({
      body: chart(
        days.flatMap((day, i) => [
          [endOf(day) - 1_800, `9${i}.5`],
          [endOf(day) + 60, `7${i}.123456789012345678901`],
          [endOf(day) + 3_000, "1e3"],
        ]),
      ),
    }));
    expect((await run("prices", "missing", "--json")).out).toContain("2026-01-01");
    const fetched = await fetch();
    expect([fetched.code, fetched.err]).toEqual([0, expect.stringContaining(`${T0}: 6 of 6 days from coingecko tbtc`)]);
    tick();
    expect(priced()[1]).toEqual({
      date: "2026-01-02",
      price: "71.123456789012345678", // What is below 1e-18 is cut off, not rounded by a float.
      source: "coingecko tbtc at 2026-01-03T00:01:00Z",
    });
    expect(
      ledger.store.db.prepare("select count(*) from daily_balances where liquidity_amount is null").pluck().get(),
    ).toBe(0);
    expect(service.asked).toHaveLength(1);
    expect(service.asked[0]?.path).toBe(
      `/cg/coins/tbtc/market_chart/range?vs_currency=usd&from=${endOf("2026-01-01") - 3600}&to=${endOf("2026-01-06") + 3600}&precision=full`,
    );
    expect(service.asked[0]?.headers["x-cg-demo-api-key"]).toBe("the-secret-key");
    // Every answer is kept as it came, without the key.
    const [kept] = ledger.store.db.prepare("select service, request, status, body from price_responses").all() as {
      body: string;
      request: string;
    }[];
    expect(kept).toMatchObject({ service: "coingecko", status: 200 });
    expect(kept?.body).toContain("71.123456789012345678901");
    expect(JSON.stringify(kept)).not.toContain("secret");
    expect((await fetch()).err).toContain("no price is missing that a service could tell");
    expect(service.asked).toHaveLength(1);
    expect((await run("rewards", "calculate")).code).toBe(0);
  });

  it("leaves days unpriced for which no sample is near enough, and asks the next source", async () => {
    const { fetch, priced, tick, service } = await ledgerWith((path) => {
      if (path.startsWith("/cg"))
        return {
          body: chart([
            [endOf("2026-01-01") - 3_601, "5"],
            [endOf("2026-01-02") + 3_600, "6"],
          ]),
        };
      const at = Number(/historical\/(\d+)\//.exec(path)?.[1]);
      if (at === endOf("2026-01-03")) return { body: llama(LLAMA, "7.5", at - 10, "0.99") };
      if (at === endOf("2026-01-04")) return { body: llama(LLAMA, "8", at - 10, "0.89") }; // Not confident enough.
      if (at === endOf("2026-01-05")) return { body: llama(LLAMA, "9", at - 7_200, "0.99") }; // Too far away.
      return { body: '{"coins":{}}' }; // As for a coin that it does not know.
    });
    const fetched = await fetch("--json");
    expect(fetched.code).toBe(0);
    expect(JSON.parse(fetched.out)).toEqual([
      { token: T0, source: "coingecko tbtc", asked: 6, added: 1, problem: null },
      { token: T0, source: `defillama ${LLAMA}`, asked: 5, added: 1, problem: null },
    ]);
    tick();
    expect(priced().map(({ date, price }) => `${date} ${price}`)).toEqual(["2026-01-02 6", "2026-01-03 7.5"]);
    expect(service.asked.filter(({ path }) => path.startsWith("/llama"))).toHaveLength(5);
    expect(service.asked.at(-1)?.headers["x-cg-demo-api-key"]).toBeUndefined();
  });

  it("waits as long as it is told where it asks too often, and keeps what came before a failure", async () => {
    let times = 0;
    const { fetch, tick, priced } = await ledgerWith((path) => {
      times += 1;
      if (times === 1) return { status: 429, headers: { "retry-after": "0" }, body: '{"status":{"error_code":429}}' };
      if (path.startsWith("/cg")) return { body: chart([[endOf("2026-01-01"), "5"]]) };
      return { status: 503, headers: { "retry-after": "0" }, body: "busy" };
    });
    const fetched = await fetch();
    expect([fetched.code, fetched.err.includes("defillama answered with status 503 to 4 attempts")]).toEqual([
      75,
      true,
    ]);
    tick();
    expect(priced().map(({ price }) => price)).toEqual(["5"]);
  });

  it.each([
    {
      it: "a coin that it does not know",
      status: 404,
      body: '{"error":"coin not found"}',
      says: "status 404",
      code: 78,
    },
    {
      it: "days beyond its plan",
      status: 401,
      body: '{"error":{"status":{"error_code":10012}}}',
      says: "10012",
      code: 78,
    },
    { it: "no JSON", status: 200, body: "<html>", says: "something else than JSON", code: 75 },
    { it: "another shape", status: 200, body: '{"price":1}', says: "expected a list of prices", code: 75 },
    {
      it: "a price that is text",
      status: 200,
      body: '{"prices":[[1767312000000,"abc"]]}',
      says: "expected [milliseconds, price]",
      code: 75,
    },
  ])("says so where a service answers with $it, and prices nothing", async ({ status, body, says, code }) => {
    const { fetch, ledger } = await ledgerWith(() => ({ status, body }), {
      [T0]: { coingecko: { id: "tbtc" } },
      [T1]: { pool: PAIR },
    });
    const fetched = await fetch();
    expect([fetched.code, fetched.err.includes(says)]).toEqual([code, true]);
    expect(fetched.err).not.toContain("the-secret-key");
    expect(ledger.store.db.prepare("select count(*) from imported_prices").pluck().get()).toBe(0);
    expect(ledger.store.db.prepare("select status from price_responses").pluck().all()).toEqual([status]);
  });

  it("says so where a service is not there", async () => {
    const { runWith } = await programmeLedger({ prices: PRICES });
    const fetched = await runWith(
      { COINGECKO_URL: "http://127.0.0.1:1", DEFILLAMA_URL: "http://127.0.0.1:1" },
      "prices",
      "fetch",
    );
    expect([fetched.code, fetched.err.includes("coingecko could not be reached")]).toEqual([75, true]);
  });
});

describe("prices revise", () => {
  it("changes what a final day was priced with, with all that rests on it, and keeps why", async () => {
    const { run, tick, ledger, programme, folder } = await programmeLedger();
    await run("rewards", "finalize", "--yes");
    const rows = () =>
      ledger.store.db
        .prepare("select date, price, source from token_prices where date = '2026-01-03' order by token_address")
        .all() as { price: string; source: string }[];
    const value = () =>
      Number(ledger.store.db.prepare("select sum(value) from provider_days where date = '2026-01-03'").pluck().get());
    const [before, valued] = [rows(), value()];
    const revised = await run(
      "prices",
      "revise",
      "--token",
      T0,
      "--date",
      "2026-01-03",
      "--price",
      "4",
      "the feed was wrong",
    );
    expect([revised.code, revised.err]).toEqual([0, ""]);
    tick();
    expect(rows()[0]).toMatchObject({ price: "4", source: "revised: the feed was wrong" });
    // The other token is priced by a pool in the first one: it doubles with it, and so do all values.
    expect(Number(rows()[1]?.price) / Number(before[1]?.price)).toBeCloseTo(2, 9);
    expect(value() / valued).toBeCloseTo(2, 2); // Each row is floored by itself.
    const log = ledger.store.db.prepare("select * from price_revisions").get() as object;
    expect(log).toMatchObject({
      reason: "the feed was wrong",
      old_price: "2",
      old_source: "fixed",
      new_price: "4",
      applied: 1,
    });
    // A rebuild and further ticks leave it so; without a price the sources decide again.
    tick();
    ledger.store.write(() => rebuild(ledger.store, programme, sha256));
    expect(rows()[0]?.price).toBe("4");
    await run("prices", "revise", "--token", T0, "--date", "2026-01-03", "back to the file");
    tick();
    expect(rows()).toEqual(before);
    expect(value()).toBe(valued);
    // A day that was paid by: said, kept, and told apart when it is calculated again.
    const paid = await run("prices", "revise", "--token", T0, "--date", "2026-01-02", "--price", "3", "late news");
    expect(paid.err).toContain("final epochs 1 lie in these days");
    expect((await run("rewards", "calculate", "--epoch", "1")).err).toContain("waits for revised prices");
    tick();
    const again = await run("rewards", "calculate", "--epoch", "1");
    expect([again.code, again.err.includes("calculating it again gives another result")]).toEqual([70, true]);
    expect((await run("rewards", "export", "--epoch", "1", "--to", folder, "--json")).code).toBe(0);
  });

  it("is refused with every mistake named", async () => {
    const { run, ledger } = await programmeLedger();
    const refused = await run(
      "prices",
      "revise",
      "--token",
      `0x${"77".repeat(20)}`,
      "--date",
      "2026-01-03",
      "--to",
      "2026-01-02",
      "--price",
      "-1",
      " ",
    );
    expect(refused.code).toBe(78);
    for (const each of ["reason", "--token", "--to", "--price"]) expect(refused.err).toContain(`${each}: expected`);
    expect((await run("prices", "revise", "--token", T0, "--date", "2027-01-03", "--price", "1", "why")).err).toContain(
      "--date: expected days that are closed and final",
    );
    expect(ledger.store.db.prepare("select count(*) from price_revisions").pluck().get()).toBe(0);
  });
});

describe("a rebuild", () => {
  it("keeps what final days were priced with, whatever the programme file says now", async () => {
    const { ledger, programme } = await programmeLedger();
    const prices = () =>
      ledger.store.db.prepare("select date, price from token_prices where token_address = ? order by date").all(T0);
    const before = prices();
    const other = {
      ...programme,
      prices: new Map([...programme.prices]).set(T0 as never, [{ kind: "fixed", priceE18: 9n * 10n ** 18n }]),
    };
    ledger.store.write(() => rebuild(ledger.store, other, sha256));
    expect(prices()).toEqual(before);
    // A day that is not final yet is priced anew.
    ledger.store.config.set("final_block", 30, "");
    ledger.store.write(() => rebuild(ledger.store, other, sha256));
    expect(prices().at(-1)).toMatchObject({ price: "9" });
    expect(prices()[0]).toEqual(before[0]);
  });
});
