import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ContractReader } from "../chain/calls.ts";
import { ContractFacts, type Described, questionName } from "../chain/contract-facts.ts";
import { Rpc } from "../chain/rpc.ts";
import { parseProgramme } from "../config.ts";
import { LpLedgerError } from "../core/errors.ts";
import { type Address, toAddress } from "../core/hex.ts";
import { checksummed } from "../core/keccak.ts";
import { systemClock } from "./platform.ts";
import { jsonAnswer } from "./table.ts";
import { type CommonOptions, type Io, patiently } from "./wiring.ts";

export interface InitOptions extends CommonOptions {
  readonly rpc?: string;
  readonly pool?: readonly Address[];
  readonly manager?: readonly Address[];
  readonly to?: string;
  readonly force?: boolean;
}

/** Uniswap's own position managers by chain (docs.uniswap.org, v3 deployments). */
const MANAGERS: ReadonlyMap<number, string> = new Map([
  ...[1, 10, 137, 42161].map((chain) => [chain, "0xc36442b4a4522e871399cd717abdd847ab11fe88"] as const),
  [8453, "0x03a520b32c04bf3beef7beb72e919cf822ed34f1"],
]);
const DOLLARS = /^(USDC|USDT|DAI|USDC\.e|USDbC)$/;
const TIMEOUT_MS = 15_000;
const BODY_BYTES_MAX = 2 ** 24;

interface FoundToken {
  readonly address: Address;
  readonly symbol: string;
  /** Null where neither its contract nor anybody at the terminal said: to be filled in. */
  readonly decimals: number | null;
  /** Somebody at the terminal told its decimals. */
  readonly isConfirmed: boolean;
}

interface Found extends Omit<Described, "tokens"> {
  readonly address: Address;
  readonly startBlock: number;
  readonly tokens: readonly FoundToken[];
}

/** Asks for a node and pools, looks at them on the chain, and writes `.env` and the programme file. */
export async function init(io: Io, options: InitOptions): Promise<void> {
  const folder = resolve(io.cwd, options.to ?? ".");
  const files = { env: join(folder, ".env"), programme: join(folder, "config/programme.json") };
  for (const path of Object.values(files))
    if (existsSync(path) && options.force !== true)
      throw new LpLedgerError("usage", "EXISTS", `${path} is there already`, {
        hint: "nothing was written: name another folder with --to, or replace it with --force",
        exitCode: 64,
      });
  const { signal } = new AbortController();
  const url = options.rpc ?? (await answered(io, "URL of your node (http:// or https://): ", "--rpc"));
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new LpLedgerError(
      "usage",
      "CONFIG",
      "--rpc: expected an http:// or https:// URL, found something else (not shown: it may hold a key)",
      { exitCode: 64 },
    );
  const rpc = new Rpc({
    id: "rpc-1",
    url,
    fetch: io.post,
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
    bodyBytesMax: BODY_BYTES_MAX,
  });
  const [chain, newest] = await patiently(() =>
    rpc.batch(
      [
        { method: "eth_chainId", params: [] },
        { method: "eth_blockNumber", params: [] },
      ],
      signal,
    ),
  );
  const [chainId, head] = [Number(chain), Number(newest)];
  io.talk(`the node serves chain ${chainId}, its head is block ${head}\n`);
  const reader = new ContractReader(rpc);
  const pools: Found[] = [];
  for (const address of options.pool ?? (await poolsAsked(io))) {
    const found = await lookedAt(io, reader, address, head, signal);
    io.talk(
      `${checksummed(address)}: ${found.protocol}, ${found.tokens.map(({ symbol }) => symbol).join("/")}, there since block ${found.startBlock}\n`,
    );
    pools.push(found);
  }
  const managers =
    options.manager ?? [MANAGERS.get(chainId)].flatMap((each) => (each === undefined ? [] : [toAddress(each)]));
  if (managers.length === 0 && pools.some(({ protocol }) => protocol === "uniswap-v3"))
    throw new LpLedgerError("usage", "NO_MANAGER", `no position manager is known on chain ${chainId}`, {
      hint: "name it with --manager: positions held as its NFTs are credited to their owners only then",
      exitCode: 64,
    });
  const programme = programmeOf(chainId, pools, managers);
  // What is still to be filled in would be all that is wrong with it.
  const missing = [
    ...new Map(pools.flatMap(({ tokens }) => tokens).map((token) => [token.address, token])).values(),
  ].filter(({ decimals }) => decimals === null);
  if (missing.length === 0) parseProgramme(programme, "the programme");
  mkdirSync(dirname(files.programme), { recursive: true });
  writeFileSync(files.programme, `${JSON.stringify(programme, null, 2)}\n`);
  writeFileSync(
    files.env,
    `RPC_URL=${url}\nDATABASE=lp-ledger.sqlite\nPROGRAMME=config/programme.json\nHTTP_PORT=8787\n`,
    { mode: 0o600 },
  );
  chmodSync(files.env, 0o600); // A file that was there keeps its mode.
  const unpriced = [...new Set(pools.flatMap(({ tokens }) => tokens))]
    .filter(({ address }) => !(checksummed(address) in programme.prices))
    .map(({ symbol }) => symbol);
  if (options.json) io.out(jsonAnswer({ files, programme, unpriced }));
  else {
    io.out(`${files.programme}\n${files.env}\n`);
    const dollars = [...new Set(pools.flatMap(({ tokens }) => tokens))].filter(({ symbol }) => DOLLARS.test(symbol));
    for (const { symbol, address } of dollars)
      io.talk(`${symbol} (${checksummed(address)}) calls itself so, and is counted as 1 USD: is it the real one?\n`);
    if (unpriced.length > 0)
      io.talk(
        `without a price, so that their days stay unpriced: ${[...new Set(unpriced)].join(", ")}; see "prices" in the README\n`,
      );
    for (const { address } of missing)
      io.talk(
        `${checksummed(address)} does not say its decimals: find them out, put them into ${files.programme}, and add "${questionName(address, "decimals")}" to "confirmed" there\n`,
      );
    io.talk("now: lp-ledger check, then lp-ledger start; the dashboard will be at http://127.0.0.1:8787/\n");
  }
}

async function answered(io: Io, question: string, option: string): Promise<string> {
  const answer = (await io.ask(question))?.trim();
  if (answer !== undefined && answer !== "") return answer;
  throw new LpLedgerError("usage", "NOT_ASKED", `${option} is not given, and nobody answered`, {
    hint: `give ${option}, or run lp-ledger init in a terminal`,
    exitCode: 64,
  });
}

async function poolsAsked(io: Io): Promise<readonly Address[]> {
  const text = await answered(io, "addresses of your pools, separated by spaces: ", "--pool");
  return text.split(/[\s,]+/).map((each) => {
    if (/^0x[0-9a-fA-F]{40}$/.test(each)) return toAddress(each);
    throw new LpLedgerError("usage", "CONFIG", `expected an address of 20 bytes, found ${JSON.stringify(each)}`, {
      exitCode: 64,
    });
  });
}

/** A token by what it says of itself; whoever sits at the terminal is asked for decimals that it does not say. */
async function tokenOf(io: Io, reader: ContractReader, address: Address, signal: AbortSignal): Promise<FoundToken> {
  const { symbol, decimals } = await patiently(() => new ContractFacts(reader).token(address, signal));
  // What a token says of itself is somebody else's text.
  const plain = (symbol ?? "").replaceAll(/[^\x20-\x7e]/g, "").slice(0, 32);
  const name = plain === "" ? address.slice(0, 10) : plain;
  if (decimals !== null) return { address, symbol: name, decimals, isConfirmed: false };
  const answer = (
    await io.ask(`${checksummed(address)} (${name}) does not say its decimals; how many has it? `)
  )?.trim();
  const told = answer !== undefined && /^\d{1,2}$/.test(answer) ? Number(answer) : null;
  return { address, symbol: name, decimals: told, isConfirmed: told !== null };
}

async function lookedAt(
  io: Io,
  reader: ContractReader,
  address: Address,
  head: number,
  signal: AbortSignal,
): Promise<Found> {
  const described = await patiently(() => new ContractFacts(reader).describe(address, signal));
  if (described === null)
    throw new LpLedgerError("usage", "NOT_A_POOL", `${checksummed(address)} is no pool that init knows by itself`, {
      hint: "init knows Uniswap V2 and V3 pools and ERC-4626 vaults; others are named by hand, as the README shows",
    });
  // The first block at whose end there is code: found by halving.
  let [low, high] = [-1, head];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const there = await patiently(() => reader.hasCode(address, middle, signal));
    if (there === null)
      throw new LpLedgerError(
        "usage",
        "PRUNED",
        `the node no longer knows block ${middle}, so it cannot say when ${checksummed(address)} was created`,
        {
          hint: "name an archive node, or write the programme file by hand with the pool's startBlock",
        },
      );
    if (there) high = middle;
    else low = middle;
  }
  const tokens: FoundToken[] = [];
  for (const each of described.tokens) tokens.push(await tokenOf(io, reader, each, signal));
  return { ...described, tokens, address, startBlock: high };
}

/** Dollars count as one, every other token as its pool with a priced one says. */
function programmeOf(chainId: number, pools: readonly Found[], managers: readonly Address[]) {
  const prices = new Map<Address, object>();
  for (const { address, symbol } of pools.flatMap(({ tokens }) => tokens))
    if (DOLLARS.test(symbol)) prices.set(address, { fixed: "1" });
  for (let before = -1; before < prices.size; ) {
    before = prices.size;
    for (const { address, protocol, tokens } of pools) {
      const [a, b] = tokens;
      if (a === undefined || b === undefined || !protocol.startsWith("uniswap")) continue;
      const source = { pool: checksummed(address) };
      if (prices.has(a.address) && !prices.has(b.address)) prices.set(b.address, source);
      else if (prices.has(b.address) && !prices.has(a.address)) prices.set(a.address, source);
    }
  }
  const told = pools.flatMap(({ tokens }) => tokens).filter(({ isConfirmed }) => isConfirmed);
  const confirmed = [...new Set(told.map(({ address }) => questionName(address, "decimals")))];
  return {
    chainId,
    quote: { symbol: "USD", decimals: 6 },
    pools: pools.map(({ protocol, address, tokens, startBlock }) => ({
      protocol,
      address: checksummed(address),
      tokens: tokens.map(({ symbol, decimals, ...token }) => ({
        address: checksummed(token.address),
        symbol,
        decimals,
      })),
      startBlock,
      ...(protocol === "uniswap-v3" ? { managers: managers.map(checksummed) } : {}),
    })),
    ...(confirmed.length === 0 ? {} : { confirmed }),
    prices: Object.fromEntries([...prices].map(([address, source]) => [checksummed(address), source])),
  };
}
