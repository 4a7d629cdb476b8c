import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import type { Hex } from "viem";
import { AnnexLife, programmeWith, setAnnex } from "./annex.ts";
import { Anvil } from "./anvil.ts";
import { Daemon, type Place, runCommand } from "./daemon.ts";
import { Life } from "./life.ts";
import { serveUntilInterrupted } from "./open.ts";
import { StableLife, setStablePair, withStablePair } from "./stable.ts";
import { setStage } from "./stage.ts";

const START_SEC = Date.parse("2026-01-01T00:00:00Z") / 1000;
const DAY_SECONDS = 86_400;
const DAYS = 6;
const BLOCKS_PER_DAY = 24;
const REORG_DEPTH = 7;
const REACH_MS_MAX = 20_000;
/** Blocks after which anvil calls a block final, and one more. */
const FINAL_BLOCKS = 65;

/** Six days in two epochs; two tiers that a week of days cannot part by streak are parted by value. */
const LOYALTY = {
  schedule: { start: "2026-01-01", days: DAYS },
  tiers: {
    minimum: "1",
    levels: [
      { week: 1, multiplierBp: 10_000 },
      { week: 1, value: "100000", multiplierBp: 12_000 },
    ],
  },
  rewards: {
    tokens: [
      {
        address: "0x912CE59144191C1204E64559FE8253a0e49E6548",
        symbol: "ARB",
        decimals: 18,
        budget: "50000",
        minimumPayout: "1",
      },
    ],
    epochs: { days: DAYS / 2 },
  },
};

const USAGE = `npm run demo [-- --seed N] [-- --json] [-- --keep DIR] [-- --open]

Plays ${DAYS} days of liquidity on a real anvil with the real Uniswap contracts, with the real daemon beside it, a reorg,
a SIGKILL and a restart, and compares every position with the chain at the end.

  --seed N    which life to play (default 1); the same seed gives the same chain and the same state digest
  --json      print one JSON object as the last line instead of tables
  --keep DIR  leave the database and the programme file in DIR
  --open      serve the dashboard at the end, until Ctrl-C
`;

interface Summary {
  readonly events: number;
  readonly postings: number;
  readonly providers: number;
  readonly reorgs: number;
  readonly restarts: number;
  readonly positionsChecked: number;
  readonly positionsWrong: number;
  readonly stateDigest: string;
  readonly epochsFinal: number;
  /** Whole reward tokens that all files together pay. */
  readonly rewardsPaid: string;
  readonly merkleRoot: string;
  readonly elapsedMs: number;
}

const startedMs = Date.now();
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    keep: { type: "string" },
    open: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await demo(Number(values.seed), values.json, values.keep);

function say(text: string): void {
  process.stderr.write(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${text}\n`);
}

async function demo(seed: number, json: boolean, keep: string | undefined): Promise<number> {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    process.stderr.write(`--seed: expected a whole number, found ${JSON.stringify(values.seed)}\n`);
    return 64;
  }
  const folder = keep === undefined ? mkdtempSync(join(tmpdir(), "lp-ledger-demo-")) : resolve(keep);
  mkdirSync(folder, { recursive: true });
  const database = join(folder, "ledger.sqlite");
  for (const suffix of ["", "-wal", "-shm", ".lock"]) rmSync(`${database}${suffix}`, { force: true });
  say("starting anvil, a real local chain");
  const anvil = await Anvil.start(START_SEC);
  const place: Place = {
    rpcUrl: anvil.url,
    database,
    programme: join(folder, "programme.json"),
    logFile: join(folder, "daemon.log"),
    more: { LOG_LEVEL: "warn", BACKUP_INTERVAL_SECONDS: "0" },
  };
  const daemon = new Daemon(place);
  try {
    const restarts = await play(anvil, daemon, place, seed);
    const code = await judge(place, restarts, await reward(place, folder), json);
    if (values.open) await serveUntilInterrupted(place, say);
    return code;
  } catch (error) {
    say(`failed: ${(error as Error).message}`);
    process.stderr.write(readFileSync(place.logFile, { encoding: "utf8", flag: "a+" }));
    return 1;
  } finally {
    await daemon.end("SIGKILL");
    await anvil.stop();
    if (keep === undefined) rmSync(folder, { recursive: true, force: true });
    else say(`left in ${folder}: look at it with\n         ${lookAt(place)}`);
  }
}

/** A command line that shows what was kept, from this folder. */
function lookAt({ database, programme }: Place): string {
  return `DATABASE=${database} PROGRAMME=${programme} node dist/src/main.js stats`;
}

/** Plays the days; returns how often the daemon was restarted. */
async function play(anvil: Anvil, daemon: Daemon, place: Place, seed: number): Promise<number> {
  say("deploying Uniswap V2 and V3: factories, a pair, two pools, routers and the position manager");
  const stage = await setStage(anvil, START_SEC + 10);
  say("deploying Uniswap V4 with two pools, a staking contract for the pair's shares, and a staker of position NFTs");
  const annex = await setAnnex(stage, START_SEC + 600);
  say("deploying a Curve-like pool: our own Solidity, which logs in Curve's order, for no package carries Curve's");
  const stable = await setStablePair(stage, START_SEC + 1200);
  const programme = withStablePair({ ...programmeWith(stage, annex), ...LOYALTY }, stable);
  writeFileSync(place.programme, `${JSON.stringify(programme, null, 2)}\n`);
  daemon.start();
  const life = new Life(stage, seed, START_SEC + 3600);
  const there = new AnnexLife(annex, life);
  const shared = new StableLife(stable, life);
  say("day 1: first mint, adds, removes, transfers, NFTs, pokes, swaps across ticks, direct minters, a donation");
  await life.prelude();
  say("still day 1: the same on Uniswap V4, and shares and NFTs staked for their owners");
  await there.prelude();
  await shared.prelude();
  let restarts = 0;
  for (let day = 2; day <= DAYS; day++) {
    if (day === 4) await reorg(anvil, daemon);
    if (day === 6) restarts += await restart(anvil, daemon, () => depositOf(life, shared));
    say(
      `day ${day}: ${BLOCKS_PER_DAY} blocks of whatever providers do; the ledger is at block ${daemon.tip()?.number ?? "-"}`,
    );
    const pause = Math.floor((START_SEC + day * DAY_SECONDS - life.nowSec) / (BLOCKS_PER_DAY + 1));
    for (let i = 0; i < BLOCKS_PER_DAY; i++) {
      const more = [() => there.randomDeed(), () => shared.randomDeed()][i % 3];
      await life.randomBlock(pause, more === undefined ? [] : [await more()]);
      if (day === 5 && i === BLOCKS_PER_DAY / 2) restarts += await kill(daemon);
    }
  }
  await life.block(START_SEC + DAYS * DAY_SECONDS + 60 - life.nowSec, []);
  for (let i = 0; i < FINAL_BLOCKS; i++) await life.block(12, []);
  const head = await anvil.head();
  await daemon.reaches(head, REACH_MS_MAX);
  say(`the ledger has reached the head, block ${head.number}`);
  const code = await daemon.end("SIGTERM");
  if (code !== 0) throw new Error(`the daemon ended with code ${code} on SIGTERM`);
  return restarts;
}

async function reorg(anvil: Anvil, daemon: Daemon): Promise<void> {
  const before = await anvil.head();
  await daemon.reaches(before, REACH_MS_MAX);
  await anvil.rpc("anvil_reorg", [REORG_DEPTH, []]);
  anvil.forgetNonces();
  const after = await anvil.head();
  await daemon.reaches(after, REACH_MS_MAX);
  say(`reorg: the last ${REORG_DEPTH} blocks were replaced; the ledger undid them and follows the new chain`);
}

async function kill(daemon: Daemon): Promise<number> {
  await daemon.end("SIGKILL");
  say(`kill -9: the daemon died with the ledger at block ${daemon.tip()?.number ?? "-"}; starting it again`);
  daemon.start();
  return 1;
}

/** Ends the daemon in peace, and lets the first log it hears afterwards be a deposit into the Curve-like pool. */
async function restart(anvil: Anvil, daemon: Daemon, deposit: () => Promise<void>): Promise<number> {
  await daemon.reaches(await anvil.head(), REACH_MS_MAX);
  const code = await daemon.end("SIGTERM");
  if (code !== 0) throw new Error(`the daemon ended with code ${code} on SIGTERM`);
  await deposit();
  daemon.start();
  await daemon.reaches(await anvil.head(), REACH_MS_MAX);
  say("restart: what the daemon heard first when it was back was a deposit into the Curve-like pool");
  return 1;
}

async function depositOf(life: Life, stable: StableLife): Promise<void> {
  const [ann, bob] = life.stage.actors as readonly [Hex, Hex];
  await life.must(60, [stable.add(ann, [1_000n * 10n ** 18n, 500n * 10n ** 18n], bob)]);
}

interface Rewarded {
  readonly epochsFinal: number;
  readonly rewardsPaid: string;
  readonly merkleRoot: string;
  readonly folder: string;
}

/** Settles what is final, makes both epochs final, and writes the files that pay them. */
async function reward(place: Place, folder: string): Promise<Rewarded> {
  const must = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await runCommand(place, args);
    if (code !== 0) throw new Error(`lp-ledger ${args.join(" ")} ended with ${code}: ${err}`);
    return out;
  };
  await must("start", "--once");
  const epochs = DAYS / LOYALTY.rewards.epochs.days;
  for (let epoch = 1; epoch <= epochs; epoch++) await must("rewards", "finalize", "--yes", "--epoch", `${epoch}`);
  say(`${epochs} reward epochs are final; writing Merkle tree, proofs and airdrop file, and reading them again`);
  rmSync(join(folder, `cumulative-to-epoch-${epochs}`), { recursive: true, force: true });
  const exported = JSON.parse(
    await must("rewards", "export", "--epoch", `${epochs}`, "--cumulative", "--to", folder, "--json"),
  ) as {
    path: string;
    tokens: readonly { total: string; root: string }[];
  };
  const [token] = exported.tokens;
  const { total = "0", root = "" } = token ?? {};
  return { epochsFinal: epochs, rewardsPaid: `${BigInt(total) / 10n ** 18n}`, merkleRoot: root, folder: exported.path };
}

/** Verifies against the chain, rebuilds without it, and prints the outcome. */
async function judge(place: Place, restarts: number, rewarded: Rewarded, json: boolean): Promise<number> {
  const verified = await runCommand(place, ["verify", "--json"]);
  const verdict = JSON.parse(verified.out) as { positionsChecked: number; positionsWrong: number; stateDigest: string };
  const rebuilt = await runCommand(place, ["rebuild", "--json"]);
  const { folder, ...paid } = rewarded;
  // What is final must come out of the rebuilt ledger byte for byte.
  const again = await runCommand(place, ["rewards", "calculate"]);
  const status = JSON.parse((await runCommand(place, ["status", "--json"])).out) as Record<string, number>;
  const sameDigest =
    rebuilt.code === 0 && (JSON.parse(rebuilt.out) as { stateDigest: string }).stateDigest === verdict.stateDigest;
  const { events = 0, postings = 0, providers = 0, reorgs = 0 } = status;
  const summary: Summary = {
    events,
    postings,
    providers,
    reorgs,
    restarts,
    positionsChecked: verdict.positionsChecked,
    positionsWrong: verdict.positionsWrong,
    stateDigest: verdict.stateDigest,
    ...paid,
    elapsedMs: Date.now() - startedMs,
  };
  const good = verified.code === 0 && sameDigest && reorgs === 1 && restarts === 2 && events > 0 && again.code === 0;
  if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else process.stdout.write(tablesOf(place.database, summary, sameDigest, folder));
  if (!good)
    say(
      `WRONG: verify ended with ${verified.code}, rebuild with ${rebuilt.code}, rewards with ${again.code}, ${reorgs} reorgs, ${restarts} restarts`,
    );
  return good ? 0 : 1;
}

function tablesOf(database: string, summary: Summary, sameDigest: boolean, folder: string): string {
  const db = new Database(database, { readonly: true });
  try {
    const providers = db
      .prepare<[], { provider: string; since: string; days: number; total: number | null; open: number }>(`
        select
          provider_address as provider,
          first_seen_date as since,
          (select count(distinct date) from daily_balances where daily_balances.provider_address = provider_balances.provider_address) as days,
          total_liquidity as total,
          (select count(*) from positions where positions.provider_address = provider_balances.provider_address) as open
        from provider_balances
        order by total_liquidity desc`)
      .all();
    const days = db
      .prepare<[], { date: string; providers: number; value: number; inRange: number }>(`
        select
          date,
          count(distinct provider_address) as providers,
          sum(liquidity_amount) as value,
          cast(round(100.0 * avg(seconds_in_range) / 86400) as integer) as inRange
        from daily_balances
        group by date
        order by date`)
      .all();
    const rewards = db
      .prepare<[], { epoch: number; provider: string; tier: number; amount: string; paid: string }>(`
        select epoch, provider_address as provider, tier, reward_amount as amount, paid
        from rewards
        order by epoch, length(reward_amount) desc, reward_amount desc`)
      .all();
    const lines = [
      "",
      "provider                                    since       days  open positions          value now",
      ...providers.map(
        (row) => `${row.provider}  ${row.since}  ${pad(row.days, 4)}  ${pad(row.open, 14)}  ${dollars(row.total)}`,
      ),
      "",
      "day         providers      value over the day   seconds in range",
      ...days.map(
        (row) => `${row.date}  ${pad(row.providers, 9)}  ${dollars(row.value)}  ${pad(`${row.inRange ?? 0} %`, 17)}`,
      ),
      "",
      "epoch  provider                                    tier              allocated                   paid",
      ...rewards.map(
        (row) =>
          `${pad(row.epoch, 5)}  ${row.provider}  ${pad(row.tier, 4)}  ${tokens(row.amount)}  ${tokens(row.paid)}`,
      ),
      "",
      `epochs made final ${summary.epochsFinal}, ${summary.rewardsPaid} ARB paid, Merkle root ${summary.merkleRoot}`,
      `files in ${folder} (kept with --keep)`,
      `events ${summary.events}, postings ${summary.postings}, reorgs ${summary.reorgs}, restarts ${summary.restarts}`,
      `verify: ${summary.positionsChecked} positions compared with the chain, ${summary.positionsWrong} wrong`,
      `rebuild from stored events: ${sameDigest ? "the same state" : "ANOTHER STATE"}, digest ${summary.stateDigest}`,
      `took ${(summary.elapsedMs / 1000).toFixed(1)} s`,
      "",
    ];
    return lines.join("\n");
  } finally {
    db.close();
  }
}

function pad(value: number | string, width: number): string {
  return String(value).padStart(width);
}

/** Base units of a token with 18 decimals, for people. */
function tokens(amount: string): string {
  const text = amount.padStart(19, "0");
  return `${text.slice(0, -18)}.${text.slice(-18, -6)} ARB`.padStart(21);
}

/** A value scaled by six decimals, for people. */
function dollars(value: number | null): string {
  if (value === null) return "not priced".padStart(18);
  return `$${(value / 1e6).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`.padStart(
    18,
  );
}
