import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { formatDecimal } from "../core/decimal.ts";
import type { EpochResult, TokenSums } from "../core/epoch-record.ts";
import { invariant, LpLedgerError } from "../core/errors.ts";
import type { Programme } from "../core/programme.ts";
import { intact, rewardingOf } from "../daemon/rewards.ts";
import { grossOf, merklFile, type Reason } from "../distribution/merkl.ts";
import { merkleFiles } from "../distribution/merkle.ts";
import { inOrder, type Payout, type PayoutFile, requireSame, shownAddress, totalOf } from "../distribution/payouts.ts";
import { safeFiles } from "../distribution/safe.ts";
import { sync } from "../store/files.ts";
import type { Store } from "../store/store.ts";
import { sha256 } from "./platform.ts";
import { storedEpoch } from "./rewards.ts";
import { jsonAnswer } from "./table.ts";
import { type CommonOptions, contextOf, type Io, withReader } from "./wiring.ts";

export interface RewardsExportOptions extends CommonOptions {
  readonly epoch: number;
  readonly cumulative?: boolean;
  readonly format?: readonly Format[];
  readonly to?: string;
  readonly reason?: string;
  /** Basis points that the distributor takes from what it is given. */
  readonly merklFeeBp?: number;
}

export const FORMATS = ["merkle", "merkl", "safe"] as const;
export type Format = (typeof FORMATS)[number];

interface Written {
  readonly token: string;
  readonly chainId: number;
  readonly symbol: string;
  readonly recipients: number;
  readonly total: string;
  readonly root?: string;
  readonly merklFunding?: string;
  readonly files: readonly { readonly file: string; readonly sha256: string }[];
}

/** Writes the distribution files of a final epoch, or of all up to it; every file is read again and proven before the folder appears. */
export async function rewardsExport(io: Io, options: RewardsExportOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const results = await withReader(settings, async (store) =>
    store.db.transaction(() => finalUpTo(store, programme, options.epoch))(),
  );
  const chosen = options.cumulative ? results : results.slice(-1);
  const folder = resolve(
    io.cwd,
    options.to ?? ".",
    `${options.cumulative ? "cumulative-to-epoch" : "epoch"}-${options.epoch}`,
  );
  if (existsSync(folder))
    throw new LpLedgerError("usage", "EXISTS", `${folder} is there already`, {
      hint: "nothing was written: move it away, or name another folder with --to",
      exitCode: 64,
    });
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  try {
    const written = tokensOf(results).map((token) => writeToken(part, token, chosen, options));
    const { record } = results.at(-1) as EpochResult;
    const manifest = {
      format: "lp-ledger-distribution-1",
      epoch: options.epoch,
      cumulative: options.cumulative === true,
      first: chosen[0]?.record.first,
      end: record.end,
      blockNumber: record.blockNumber,
      blockHash: record.blockHash,
      programmeHash: record.programmeHash,
      tokens: written,
    };
    writeFileSync(join(part, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    sync(part);
    renameSync(part, folder);
    if (options.json) io.out(jsonAnswer({ path: folder, ...manifest }));
    else io.out(textOf(folder, written, tokensOf(results)));
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

/** All epochs up to one, each final and as it was made final. */
function finalUpTo(store: Store, programme: Programme, epoch: number): readonly EpochResult[] {
  const rewarding = rewardingOf(programme);
  return Array.from({ length: epoch }, (_, i) => {
    const stored = storedEpoch(store, rewarding, i + 1);
    if (stored.state === "final") return intact(store, sha256, stored);
    throw new LpLedgerError("usage", "EPOCH_NOT_FINAL", `epoch ${i + 1} is not final: nothing is paid by it yet`, {
      hint: `run lp-ledger rewards finalize --epoch ${i + 1}`,
    });
  });
}

/** Every token that any of the epochs pays. */
function tokensOf(results: readonly EpochResult[]): readonly TokenSums[] {
  return [...new Map(results.flatMap(({ record }) => record.tokens).map((token) => [token.address, token])).values()];
}

function writeToken(
  folder: string,
  token: TokenSums,
  chosen: readonly EpochResult[],
  options: RewardsExportOptions,
): Written {
  const reasons = chosen.flatMap((each) => reasonsOf(each, token, options));
  const sums = new Map<Payout["recipient"], bigint>();
  for (const { recipient, amount } of reasons) sums.set(recipient, (sums.get(recipient) ?? 0n) + amount);
  const payouts = inOrder([...sums].map(([recipient, amount]) => ({ recipient, amount })));
  const paid = chosen.reduce(
    (sum, { record }) => sum + BigInt(record.tokens.find(({ address }) => address === token.address)?.paid ?? 0),
    0n,
  );
  invariant(
    totalOf(payouts) === paid,
    "PAID_SUM",
    `the payouts of ${token.symbol} sum to ${totalOf(payouts)}, the epochs paid ${paid}`,
  );
  const name = `${token.symbol.replaceAll(/[^A-Za-z0-9]/g, "") || "token"}-${token.address}`;
  const wanted = (format: Format): boolean => payouts.length > 0 && (options.format ?? FORMATS).includes(format);
  const tree = wanted("merkle") ? merkleFiles(name, token, payouts) : undefined;
  const files: readonly PayoutFile[] = [
    ...(tree?.files ?? []),
    ...(wanted("merkl") ? [merklFile(name, token, reasons)] : []),
    // A batch of transfers pays at once: of what was paid before it would pay again.
    ...(wanted("safe") && options.cumulative !== true ? safeFiles(name, token, payouts) : []),
  ];
  proveAll(files, payouts);
  for (const { name: file, text } of files) writeFileSync(join(folder, file), text);
  return {
    token: shownAddress(token.address),
    chainId: token.chainId,
    symbol: token.symbol,
    recipients: payouts.length,
    total: `${totalOf(payouts)}`,
    ...(tree === undefined ? {} : { root: tree.root }),
    ...(options.merklFeeBp === undefined ? {} : { merklFunding: `${grossOf(totalOf(payouts), options.merklFeeBp)}` }),
    files: files.map(({ name: file, text }) => ({ file, sha256: sha256(text) })),
  };
}

/** Every file alone pays everything, but a Safe's batches, which do together. */
function proveAll(files: readonly PayoutFile[], payouts: readonly Payout[]): void {
  const batches = files.filter(({ name }) => name.endsWith(".csv"));
  for (const file of files) if (!batches.includes(file)) requireSame(file, payouts);
  const [first] = batches;
  if (first !== undefined) requireSame({ ...first, payouts: batches.flatMap((each) => each.payouts) }, payouts);
}

function reasonsOf(
  { record, rewards }: EpochResult,
  { address }: TokenSums,
  { reason }: RewardsExportOptions,
): readonly Reason[] {
  const rows = rewards[record.tokens.findIndex((each) => each.address === address)] ?? [];
  const text = `${reason ?? "liquidity rewards"}, epoch ${record.epoch}`;
  return rows
    .filter(({ paid }) => paid > 0n)
    .map(({ provider, paid }) => ({ recipient: provider, amount: paid, reason: text }));
}

function textOf(folder: string, written: readonly Written[], tokens: readonly TokenSums[]): string {
  const lines = written.flatMap((each, i) => {
    const whole = (amount: string): string => formatDecimal(BigInt(amount), tokens[i]?.decimals ?? 0);
    return [
      `${whole(each.total)} ${each.symbol} to ${each.recipients} recipients on chain ${each.chainId}`,
      ...(each.root === undefined ? [] : [`  root ${each.root}`]),
      ...(each.merklFunding === undefined ? [] : [`  fund Merkl with ${whole(each.merklFunding)} ${each.symbol}`]),
      ...each.files.map(({ file }) => `  ${file}`),
      ...(each.recipients === 0 ? ["  nobody is paid: no file was written"] : []),
    ];
  });
  return `${[folder, ...lines].join("\n")}\n`;
}
