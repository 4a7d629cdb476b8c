import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { questionName } from "../chain/contracts/contract-facts.ts";
import { ContractReader } from "../chain/contracts/contract-reader.ts";
import { Rpc } from "../chain/rpc/rpc.ts";
import { schemaText } from "../config/json-schema.ts";
import { parseProgramme } from "../config.ts";
import { EXIT_USAGE, LpLedgerError } from "../core/errors.ts";
import { type Address, toPoolId } from "../core/hex.ts";
import { checksummed, shownAddress } from "../core/keccak.ts";
import { type CommonOptions, type Io, patiently } from "../runtime/context.ts";
import { systemClock } from "../runtime/platform.ts";
import { asked, poolsIn } from "./asked.ts";
import { type Found, type FoundToken, PoolFinder } from "./found-pool.ts";
import { isDollar, newProgramme, SCHEMA_FILE } from "./new-programme.ts";
import { type RuleOptions, rulesAsked } from "./new-rules.ts";
import { jsonAnswer } from "./table.ts";

export interface InitOptions extends CommonOptions, RuleOptions {
  readonly rpc?: string;
  readonly pool?: readonly Address[];
  readonly manager?: readonly Address[];
  readonly startBlock?: string;
  readonly to?: string;
  readonly force?: boolean;
}

const TIMEOUT_MS = 15_000;
const BODY_BYTES_MAX = 2 ** 24;

/** Asks for a node and pools, looks at them on the chain, and writes `.env` and the programme file. */
export async function init(io: Io, options: InitOptions): Promise<void> {
  const folder = resolve(io.cwd, options.to ?? ".");
  const files = { env: join(folder, ".env"), programme: join(folder, "config/programme.json") };
  for (const path of Object.values(files))
    if (existsSync(path) && options.force !== true)
      throw new LpLedgerError("usage", "EXISTS", `${path} is there already`, {
        hint: "nothing was written: name another folder with --to, or replace it with --force",
        exitCode: EXIT_USAGE,
      });
  const { signal } = new AbortController();
  const { url, rpc, chain } = await asked(io, {
    question: "URL of your node (http:// or https://): ",
    option: "--rpc",
    given: options.rpc,
    read: (text) => nodeAt(io, text, signal),
  });
  io.talk(`the node serves chain ${chain.id}, its head is block ${chain.head}\n`);
  const finder = new PoolFinder(io, new ContractReader(rpc), chain, signal);
  const described = await asked(io, {
    question: "addresses of your pools, separated by spaces: ",
    option: "--pool",
    given: options.pool?.join(" "),
    read: async (text) => {
      const addresses = [...new Set(poolsIn("--pool", text).map(toPoolId))];
      const all = [];
      for (const address of addresses) all.push({ address, what: await finder.describe(address, options.manager) });
      return all;
    },
  });
  const pools: Found[] = [];
  for (const { address, what } of described) {
    const found = await finder.complete(address, what, { manager: options.manager, startBlock: options.startBlock });
    const symbols = found.tokens.map(({ symbol }) => symbol).join("/");
    io.talk(`${shownAddress(address)}: ${found.protocol}, ${symbols}, there since block ${found.startBlock}\n`);
    pools.push(found);
  }
  const rules = await rulesAsked(io, options, (address) => finder.token(address));
  const { programme, unpriced } = newProgramme(chain.id, pools, rules);
  const tokens = [...new Map(pools.flatMap((pool) => pool.tokens).map((token) => [token.address, token])).values()];
  const missing = tokens.filter(({ decimals }) => decimals === null);
  // What is still to be filled in would be all that is wrong with it.
  if (missing.length === 0) parseProgramme(programme, "the programme");
  mkdirSync(dirname(files.programme), { recursive: true });
  writeFileSync(files.programme, `${JSON.stringify(programme, null, 2)}\n`);
  writeFileSync(join(dirname(files.programme), SCHEMA_FILE), schemaText());
  writeFileSync(
    files.env,
    `RPC_URL=${quoted(url)}\nDATABASE=lp-ledger.sqlite\nPROGRAMME=config/programme.json\nHTTP_PORT=8787\n`,
    { mode: 0o600 },
  );
  chmodSync(files.env, 0o600); // A file that was there keeps its mode.
  if (options.json) io.out(jsonAnswer({ files, programme, unpriced: unpriced.map(({ symbol }) => symbol) }));
  else {
    io.out(`${files.programme}\n${files.env}\n`);
    io.talk(adviceOf(files.programme, tokens, unpriced));
  }
}

/** What is left to be done by hand. */
function adviceOf(path: string, tokens: readonly FoundToken[], unpriced: readonly FoundToken[]): string {
  const lines = tokens
    .filter(isDollar)
    .map(
      ({ symbol, address }) =>
        `${symbol} (${checksummed(address)}) calls itself so, and is counted as 1 USD: is it the real one?`,
    );
  if (unpriced.length > 0) {
    const symbols = unpriced.map(({ symbol }) => symbol).join(", ");
    lines.push(
      `without a price, so that their days stay unpriced until "prices" names one or lp-ledger prices brings it in: ${symbols}`,
    );
  }
  for (const { address, decimals } of tokens)
    if (decimals === null)
      lines.push(
        `${checksummed(address)} does not say its decimals: find them out, put them into ${path}, and add "${questionName(address, "decimals")}" to "confirmed" there`,
      );
  lines.push("now: lp-ledger check, then lp-ledger start; the dashboard will be at http://127.0.0.1:8787/");
  return `${lines.join("\n")}\n`;
}

/** The node behind a URL, which must answer. */
async function nodeAt(io: Io, url: string, signal: AbortSignal) {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new LpLedgerError(
      "usage",
      "CONFIG",
      "--rpc: expected an http:// or https:// URL, found something else (not shown: it may hold a key)",
      { exitCode: EXIT_USAGE },
    );
  const rpc = new Rpc({
    id: "rpc-1",
    url,
    fetch: io.post,
    clock: systemClock,
    timeoutMs: TIMEOUT_MS,
    bodyBytesMax: BODY_BYTES_MAX,
  });
  const [id, head] = await patiently(() =>
    rpc.batch(
      [
        { method: "eth_chainId", params: [] },
        { method: "eth_blockNumber", params: [] },
      ],
      signal,
    ),
  );
  return { url, rpc, chain: { id: Number(id), head: Number(head) } };
}

/** As a settings file holds it: a # would begin a comment there. */
function quoted(url: string): string {
  return /[#'"`\s]/.test(url) ? `"${url.replaceAll('"', "%22")}"` : url;
}
