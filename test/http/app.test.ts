import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { describe, expect, it } from "vitest";
import { METRICS } from "../../src/http/metrics.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { appOf, type Envelope } from "../support/http.ts";
import { programmeLedger, REWARD } from "../support/programme-ledger.ts";
import { POOL } from "../support/world.ts";

interface Ranked {
  readonly provider: string;
  readonly totalLiquidity: { readonly units: string; readonly decimals: number };
}

describe("the API", () => {
  it("answers every route with the block it rests on, amounts as text, and a tag that saves asking twice", async () => {
    const ledger = await programmeLedger();
    await ledger.run("rewards", "finalize", "--yes");
    const { get } = appOf(ledger);
    const { json: list } = await get("/v1/providers");
    const [first] = (list as Envelope<readonly Ranked[]>).data;
    const tip = ledger.ledger.store.blocks.tip();
    for (const { path } of ROUTES) {
      const asked = path.replace("{address}", first?.provider ?? "").replace("{n}", "1");
      const answer = await get(asked);
      expect([asked, answer.status]).toEqual([asked, 200]);
      const { block, quote } = answer.json as Envelope<unknown>;
      expect(block).toMatchObject({ number: tip?.number, hash: tip?.hash, stateDigest: tip?.stateDigest });
      expect(quote).toEqual({ symbol: "USD", decimals: 6 });
      const again = await get(asked, { "if-none-match": answer.headers.get("etag") ?? "" });
      expect([again.status, again.text]).toEqual([304, ""]);
      expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("lists providers page by page, each once, the largest first, and finds them by the beginning of their address", async () => {
    const ledger = await programmeLedger();
    const { get } = appOf(ledger);
    const all = ((await get("/v1/providers?limit=1000")).json as Envelope<readonly Ranked[]>).data;
    expect(all.length).toBeGreaterThan(3);
    const units = all.map(({ totalLiquidity }) => BigInt(totalLiquidity.units));
    expect(units).toEqual([...units].sort((a, b) => (a < b ? 1 : -1)));
    const paged: Ranked[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const page = (await get(`/v1/providers?limit=2${next === "" ? "" : `&after=${next}`}`)).json as Envelope<
        readonly Ranked[]
      >;
      paged.push(...page.data);
      next = page.next ?? null;
    }
    expect(paged).toEqual(all);
    const one = all[1]?.provider ?? "";
    const found = ((await get(`/v1/providers?search=${one.slice(0, 41)}`)).json as Envelope<readonly Ranked[]>).data;
    expect(found.map(({ provider }) => provider)).toContain(one);
  });

  it("tells totals by day and pool page by page, each once", async () => {
    const { get } = appOf(await programmeLedger());
    type Row = { readonly date: string; readonly pool: string };
    const all = ((await get("/v1/days?limit=1000")).json as Envelope<readonly Row[]>).data;
    const paged: Row[] = [];
    for (let next: string | null = ""; next !== null; ) {
      const page = (await get(`/v1/days?limit=3${next === "" ? "" : `&after=${next}`}`)).json as Envelope<
        readonly Row[]
      >;
      paged.push(...page.data);
      next = page.next ?? null;
    }
    expect(paged).toEqual(all);
    expect(all.length).toBeGreaterThan(6);
    const one = ((await get("/v1/days?from=2026-01-03&to=2026-01-03")).json as Envelope<readonly Row[]>).data;
    expect(new Set(one.map(({ date }) => date))).toEqual(new Set(["2026-01-03"]));
  });

  it("tells of a provider what it holds, where it stands, and what it earned", async () => {
    const ledger = await programmeLedger();
    await ledger.run("rewards", "finalize", "--yes");
    const { get } = appOf(ledger);
    const row = ledger.ledger.store.rewards.rowsOf(1, REWARD as never)[0];
    const { data } = (await get(`/v1/providers/${row?.provider}`)).json as Envelope<{
      readonly tier: { readonly tier: number; readonly streakDays: number };
      readonly days: readonly { readonly value: { readonly units: string } | null }[];
      readonly rewards: readonly { readonly amount: string }[];
      readonly positions: readonly { readonly pool: string; readonly inRange: boolean | null }[];
    }>;
    expect(data.tier.tier).toBe(1);
    expect(data.days.length).toBeGreaterThan(1);
    expect(data.rewards).toEqual([expect.objectContaining({ epoch: 1, amount: `${row?.amount}`, state: "final" })]);
    const ranged = data.positions.filter(({ pool }) => pool.toLowerCase() === POOL);
    for (const { inRange } of ranged) expect(typeof inRange).toBe("boolean");
    const days = (await get(`/v1/providers/${row?.provider}/days?limit=1`)).json as Envelope<
      readonly { date: string }[]
    >;
    const every = (await get(`/v1/providers/${row?.provider}/days?limit=1000`)).json as Envelope<
      readonly { date: string }[]
    >;
    expect(days.next).toBe(every.data.find(({ date }) => date !== every.data[0]?.date)?.date);
    expect(days.data).toEqual(every.data.filter(({ date }) => date === every.data[0]?.date));
  });

  it("gives proofs of final epochs that lead to the root of the distribution", async () => {
    const ledger = await programmeLedger();
    await ledger.run("rewards", "calculate");
    const { get } = appOf(ledger);
    const row = ledger.ledger.store.rewards.rowsOf(1, REWARD as never)[0];
    expect((await get(`/v1/epochs/1/proofs/${row?.provider}`)).status).toBe(409);
    await ledger.run("rewards", "finalize", "--yes");
    for (const query of ["", "?cumulative=1"]) {
      const { data } = (await get(`/v1/epochs/1/proofs/${row?.provider}${query}`)).json as Envelope<
        readonly {
          readonly root: string;
          readonly provider: string;
          readonly amount: string;
          readonly proof: string[];
        }[]
      >;
      const [claim] = data;
      if (claim === undefined) throw new Error("no proof");
      expect(claim.amount).toBe(`${row?.paid}`);
      expect(
        StandardMerkleTree.verify(claim.root, ["address", "uint256"], [claim.provider, claim.amount], claim.proof),
      ).toBe(true);
    }
  });

  it("tells positions as of an earlier block as the ledger then had them", async () => {
    const ledger = await programmeLedger();
    const { get } = appOf(ledger);
    const { data } = (await get("/v1/positions?block=30&limit=1000")).json as Envelope<
      readonly { provider: string; liquidity: string }[]
    >;
    const then = ledger.chain.blocks[30]?.world.openPositions() ?? [];
    expect(data.length).toBe(then.length);
    type Line = { readonly pool: string; readonly position: string | null; readonly provider: string };
    const now = ((await get("/v1/positions?limit=1000")).json as Envelope<readonly Line[]>).data;
    const tip = ledger.ledger.store.blocks.tip()?.number;
    expect(((await get(`/v1/positions?limit=1000&block=${tip}`)).json as Envelope<readonly Line[]>).data).toEqual(now);
    for (const query of ["", `&block=${tip}`]) {
      const paged: Line[] = [];
      for (let next: string | null = ""; next !== null; ) {
        const page = (await get(`/v1/positions?limit=3${query}${next === "" ? "" : `&after=${next}`}`))
          .json as Envelope<readonly Line[]>;
        paged.push(...page.data);
        next = page.next ?? null;
      }
      expect(paged).toEqual(now);
    }
    expect((await get("/v1/positions?block=999999")).status).toBe(404);
  });

  it.each([
    ["/v1/nothing", 404, "there is nothing at"],
    ["/v1/providers/0x12", 400, "address: an address of 20 bytes"],
    [`/v1/providers/0x${"12".repeat(20)}`, 404, "never provided liquidity"],
    ["/v1/providers?limit=0x10", 400, "limit: a whole number"],
    ["/v1/providers?limit=1001", 400, "limit"],
    ["/v1/positions?limit=0", 400, "limit"],
    ["/v1/positions?after=1e1", 400, "after: expected an answer's `next`"],
    ["/v1/providers?colour=blue", 400, "colour: no such parameter"],
    ["/v1/providers?limit=1&limit=2", 400, "limit: expected once"],
    ["/v1/providers?after=x", 400, "after: expected an answer's `next`"],
    ["/v1/epochs/7", 404, "epoch 7 is not calculated"],
    ["/v1/days?from=yesterday", 400, "from: a UTC day"],
    [`/v1/providers?search=0x${"1".repeat(9_000)}`, 414, "at most 8192 characters"],
  ])("refuses %s with a problem that says what is wrong", async (path, status, says) => {
    const { get } = appOf(await programmeLedger());
    const answer = await get(path);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.json).toMatchObject({ type: "about:blank", status });
    expect((answer.json as { detail: string }).detail).toContain(says);
    expect(answer.status).toBe(status);
  });

  it("is read-only, answers to its own names, and to strangers only with the token where there is one", async () => {
    const ledger = await programmeLedger();
    const { app, get } = appOf(ledger, { token: "s3cret", corsOrigins: ["https://good.example"] });
    for (const method of ["POST", "PUT", "DELETE", "PATCH"])
      expect((await app.request("http://localhost/v1/status", { method })).status).toBe(405);
    expect((await app.request("http://evil.example/v1/status")).status).toBe(421);
    expect((await get("/v1/status")).status).toBe(401);
    expect((await get("/v1/status", { authorization: "Bearer s3cret2" })).status).toBe(401);
    const answer = await get("/v1/status", { authorization: "Bearer s3cret", origin: "https://good.example" });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "https://good.example"]);
    expect(
      (await get("/v1/status", { authorization: "Bearer s3cret", origin: "https://bad.example" })).headers.get(
        "access-control-allow-origin",
      ),
    ).toBeNull();
    expect((await get("/health")).status).toBe(200);
    for (const path of ["/metrics", "/%761/status", "/%6detrics", "/openapi%2ejson", "/%72eady", "/nothing"])
      expect([path, (await get(path)).status]).toEqual([path, 401]);
    expect((await get("/v1/status", { authorization: "Bearer s3crét" })).status).toBe(401);
    const preflight = await app.request("http://localhost/v1/status", {
      method: "OPTIONS",
      headers: { origin: "https://good.example" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "authorization, if-none-match",
    ]);
    expect((await get("/v1/status")).headers.get("x-frame-options")).toBe("DENY");
    for (let i = 0; i < 20; i++)
      await app.request("http://localhost/v1/live", { method: "HEAD", headers: { authorization: "Bearer s3cret" } });
    const live = await app.request("http://localhost/v1/live", { headers: { authorization: "Bearer s3cret" } });
    expect(live.status).toBe(200);
    await live.body?.cancel();
  });

  it("lets so many questions wait, and asks the others to come again", async () => {
    const { get } = appOf(await programmeLedger(), { inFlightMax: 3 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => get("/v1/stats")));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    const refused = answers.find(({ status }) => status === 503);
    expect(refused?.headers.get("retry-after")).toBe("1");
    expect((await get("/v1/stats")).status).toBe(200);
  });

  it("describes itself as OpenAPI 3.1, as a document and as a page", async () => {
    const { get } = appOf(await programmeLedger());
    const document = (await get("/openapi.json")).json as {
      openapi: string;
      paths: Record<string, { get: { parameters: { name: string; in: string }[] } }>;
    };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths).sort()).toEqual([...ROUTES.map(({ path }) => path), "/v1/live"].sort());
    expect(document.paths["/v1/providers"]?.get.parameters.map(({ name }) => name)).toEqual([
      "limit",
      "after",
      "search",
      "tier",
    ]);
    expect((await get("/api")).text).toContain("GET /v1/epochs/{n}/proofs/{address}");
  });
});

describe("/ready", () => {
  it("turns red on lag, on open findings and where the ledger halted, and warns of unpriced days", async () => {
    const { ledger, ...rest } = await programmeLedger();
    const { get } = appOf({ ledger, ...rest });
    expect((await get("/ready")).status).toBe(200);
    const { config } = ledger.store;
    config.set(
      "endpoints",
      [{ id: "rpc-1", used: true, healthy: true, head: 1_000, perSecond: null, blocksMax: null, lastError: null }],
      "",
    );
    expect((await get("/ready")).json).toMatchObject({
      ready: false,
      problems: [expect.stringContaining("blocks behind the head")],
    });
    config.set("endpoints", [], "");
    config.set("halted", { code: "X", message: "an identity" }, "");
    expect((await get("/ready")).text).toContain("halted: an identity");
    config.set("halted", null, "");
    config.set("silent", { since: "2026-01-05T00:00:00Z", why: "the node rpc-1 did not answer" }, "");
    expect((await get("/ready")).json).toMatchObject({
      ready: false,
      problems: [expect.stringContaining("since 2026-01-05T00:00:00Z: the node rpc-1 did not answer")],
    });
    config.set("silent", null, "");
    ledger.store.findings.insert({
      identity: "V3-9",
      pool: POOL,
      blockNumber: 1,
      logIndex: 0,
      expected: "0",
      actual: "1",
    });
    expect((await get("/ready")).status).toBe(503);
    ledger.store.findings.resolve(1, "V3-9", "explained");
    ledger.store.db.exec("update daily_balances set liquidity_amount = null where date = '2026-01-03'");
    const warned = await get("/ready");
    expect([warned.status, warned.text.includes("1 days are not priced, the last 2026-01-03")]).toEqual([200, true]);
    const strict = appOf(
      { ledger, ...rest },
      {
        limits: {
          lagBlocksMax: 5,
          lagSecondsMax: 60,
          withQuarantines: true,
          stallSecondsMax: 60,
          diskBytesMin: 2 ** 60,
        },
      },
    );
    expect((await strict.get("/ready")).text).toMatch(/s old.*bytes are free/);
  });
});

describe("/metrics", () => {
  it("has documented names only, and the numbers of the ledger", async () => {
    const { ledger, ...rest } = await programmeLedger();
    const { get } = appOf(
      { ledger, ...rest },
      {
        counters: () => ({
          endpoints: [{ id: "rpc-1", requests: 7, failures: 1, seconds: 2 }],
          switches: 0,
          commits: 3,
          commitSeconds: 1,
        }),
      },
    );
    const { text, headers } = await get("/metrics");
    expect(headers.get("content-type")).toContain("version=0.0.4");
    const names = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
    expect(names.filter((name) => METRICS[name ?? ""] === undefined)).toEqual([]);
    // What is not known is left out: it would read as zero.
    expect(names).not.toContain("lp_ledger_backup_age_seconds");
    expect(names.length).toBeGreaterThan(22);
    expect(text).toContain(`lp_ledger_processed_block ${ledger.store.blocks.tip()?.number}`);
    expect(text).toContain('lp_ledger_rpc_requests_total{endpoint="rpc-1"} 7');
    expect(text).toContain("lp_ledger_days_unpriced 0");
    expect(text).toContain("# TYPE lp_ledger_reorgs_total counter");
    expect(text).toContain("# TYPE lp_ledger_lag_blocks gauge");
  });
});
