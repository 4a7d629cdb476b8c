import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Daemon, type Place, runCommand } from "../../demo/daemon.ts";
import { programmeOf } from "../../demo/stage.ts";
import { liveChain } from "../support/anvil.ts";
import { urlOf } from "../support/daemon-url.ts";

const BROWSER = "/usr/bin/chromium";
const DAY = 86_400;
const SIZES = [
  { name: "wide", width: 1280, height: 900 },
  { name: "phone", width: 390, height: 844 },
] as const;
const SHOTS = process.env["SCREENSHOTS"];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const live = liveChain(9, async (life) => {
  await life.prelude();
  for (let day = 0; day < 3; day++) for (let i = 0; i < 8; i++) await life.randomBlock(DAY / 8, []);
  for (let i = 0; i < 66; i++) await life.block(12, []);
});

let browser: Browser;
let daemon: Daemon;
let place: Place;
let url: string;
let folder: string | undefined;

// Debian's browser, which CI installs; without one there is nothing to look at.
describe.skipIf(!existsSync(BROWSER))("the dashboard in a real browser", () => {
  beforeAll(async () => {
    const rules = {
      schedule: { start: "2026-01-01", days: 2 },
      tiers: {
        minimum: "1",
        levels: [
          { week: 1, multiplierBp: 10_000 },
          { week: 1, value: "100000", multiplierBp: 12_000 },
          { week: 5, multiplierBp: 15_000 },
        ],
      },
      rewards: {
        tokens: [{ address: `0x${"cc".repeat(20)}`, symbol: "RWD", decimals: 18, budget: "1000" }],
        epochs: { days: 2 },
      },
    };
    const more = { HTTP_PORT: "0", READY_LAG_SECONDS: "31536000" };
    // Of the whole file, not of one test.
    folder = mkdtempSync(join(tmpdir(), "lp-ledger-browser-"));
    place = {
      rpcUrl: live().anvil.url,
      database: join(folder, "ledger.sqlite"),
      programme: join(folder, "programme.json"),
      logFile: join(folder, "daemon.log"),
      more,
    };
    writeFileSync(place.programme, JSON.stringify({ ...programmeOf(live().stage), ...rules }));
    expect((await runCommand(place, ["start", "--once"])).code).toBe(0);
    const finalised = await runCommand(place, ["rewards", "finalize", "--yes"]);
    expect([finalised.code, finalised.err]).toEqual([0, ""]);
    daemon = new Daemon(place);
    daemon.start();
    url = await urlOf(place);
    browser = await chromium.launch({
      executablePath: BROWSER,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await daemon?.end("SIGKILL");
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    path: string,
    size: (typeof SIZES)[number] = SIZES[0],
    colorScheme: "light" | "dark" = "light",
  ): Promise<Page> {
    const context = await browser.newContext({ viewport: size, colorScheme, acceptDownloads: true });
    const page = await context.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => (message.type() === "error" ? errors.push(message.text()) : undefined));
    await page.goto(`${url}${path}`);
    await page.locator("h1").waitFor();
    await page.locator("[aria-busy]").first().waitFor({ state: "detached" });
    expect(errors).toEqual([]);
    return page;
  }

  const firstProvider = async (): Promise<string> => {
    const answer = (await (await fetch(new URL("/v1/providers?limit=1", url))).json()) as {
      data: { provider: string }[];
    };
    return answer.data[0]?.provider ?? "";
  };
  const pages = async (): Promise<readonly (readonly [name: string, path: string])[]> => [
    ["overview", ""],
    ["providers", "#/providers"],
    ["provider", `#/provider/${await firstProvider()}`],
    ["epochs", "#/epochs"],
    ["epoch", "#/epoch/1"],
    ["operation", "#/operation"],
  ];

  it("has no serious accessibility violation on any page, at two widths, light and dark, and fits the width", async () => {
    for (const [name, path] of await pages())
      for (const size of SIZES)
        for (const scheme of ["light", "dark"] as const) {
          const page = await open(path, size, scheme);
          await page.evaluate(axe);
          const found = (await page.evaluate("axe.run()")) as {
            violations: { id: string; impact: string; nodes: { html: string }[] }[];
          };
          const serious = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
          expect(serious.map(({ id, nodes }) => `${name} ${size.name} ${scheme}: ${id} ${nodes[0]?.html}`)).toEqual([]);
          const overflow = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth",
          );
          expect([name, size.name, overflow]).toEqual([name, size.name, 0]);
          if (SHOTS !== undefined && scheme === "light") {
            mkdirSync(SHOTS, { recursive: true });
            await page.screenshot({ path: join(SHOTS, `${name}-${size.name}.png`), fullPage: true });
          }
          await page.context().close();
        }
  });

  it("finds a provider by its address, shows its positions against the price, and gives its proof", async () => {
    const page = await open("#/providers");
    const provider = await firstProvider();
    await page.getByLabel("Find by address").fill(provider.slice(0, 10));
    await page.getByRole("link", { name: `${provider.slice(0, 8)}…${provider.slice(-6)}` }).click();
    await page.getByRole("heading", { name: "Positions" }).waitFor();
    await page.locator("svg.range").first().waitFor();
    expect(await page.getByText("Next tier").count()).toBe(1);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "download the proof for epoch 1" }).click(),
    ]);
    const proof = JSON.parse(readFileSync(await download.path(), "utf8")) as {
      data: { provider: string; proof: string[] }[];
    };
    expect(proof.data[0]?.provider).toBe(provider);
    await page.goto(`${url}#/providers`);
    await page.getByLabel("Find by address").fill("0xffffffffffff");
    await page.getByText("No provider's address begins so.").waitFor();
    await page.context().close();
  });

  it("shows a mined block and a reorg without a reload", async () => {
    const page = await open("");
    const before = await live().anvil.head();
    await live().life.block(12, []);
    const text = (before.number + 1).toLocaleString("en-US");
    await page.getByText(text, { exact: false }).first().waitFor();
    await live().anvil.rpc("anvil_reorg", [2, []]);
    live().anvil.forgetNonces();
    await page.getByText("The chain was reorganised").waitFor();
    await page.context().close();
  });

  it("is small, and served with a policy that lets nothing else in", async () => {
    const folder = new URL("../../dist/dashboard/", import.meta.url).pathname;
    const files = (readdirSync(folder, { recursive: true, encoding: "utf8" }) as string[])
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());
    const bytes = files.reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0);
    expect(bytes).toBeLessThan(120_000);
    const answer = await fetch(url);
    expect(answer.headers.get("content-security-policy")).toContain("script-src 'self'");
    expect(await answer.text()).not.toMatch(/https?:\/\/(?!127\.0\.0\.1)/);
  });

  // Last, since it ends the daemon.
  it("says so when the daemon stops, keeps what was known, and goes on when it is back", async () => {
    const page = await open("");
    await page.getByText("Total value").waitFor();
    const { port } = new URL(url);
    await daemon.end("SIGTERM");
    await page.getByRole("alert").first().waitFor();
    expect(await page.getByText("The ledger does not answer").count()).toBe(1);
    expect(await page.getByText("Total value").count()).toBe(1);
    const again = new Daemon({ ...place, more: { ...place.more, HTTP_PORT: port } });
    daemon = again;
    again.start();
    await page.getByText("The ledger does not answer").waitFor({ state: "detached" });
    await page.context().close();
  });
});
