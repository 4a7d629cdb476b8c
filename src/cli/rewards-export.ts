import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type AddressFacts, contractText } from "../core/address-facts.ts";
import { formatDecimal } from "../core/decimal.ts";
import { LpLedgerError } from "../core/errors.ts";
import { checksummed } from "../core/keccak.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { EpochResult, TokenSums } from "../core/rewards/epoch-record.ts";
import { distributionOf, FORMATS, type Format } from "../distribution/distribution.ts";
import { grossOf } from "../distribution/merkl.ts";
import { intact } from "../ledger/epochs.ts";
import { rewardingOf } from "../ledger/rewarding.ts";
import { type CommonOptions, contextOf, type Io, withReader } from "../runtime/context.ts";
import { sha256 } from "../runtime/platform.ts";
import { sync } from "../store/file/files.ts";
import type { Store } from "../store/store.ts";
import { storedEpoch } from "./rewards.ts";
import { jsonAnswer } from "./table.ts";

export interface RewardsExportOptions extends CommonOptions {
  readonly epoch: number;
  readonly cumulative?: boolean;
  readonly format?: readonly Format[];
  readonly to?: string;
  readonly reason?: string;
  /** Basis points that the distributor takes from what it is given. */
  readonly merklFeeBp?: number;
}

interface Written {
  readonly token: string;
  readonly chainId: number;
  readonly symbol: string;
  readonly recipients: number;
  /** Recipients that are contracts, as far as was asked: what is sent there may reach nobody. */
  readonly contracts: readonly { readonly recipient: string; readonly amount: string; readonly what: string }[];
  readonly total: string;
  readonly root?: string;
  readonly merklFunding?: string;
  readonly files: readonly { readonly file: string; readonly sha256: string }[];
}

/**
 * Writes the distribution files of a final epoch, or of all up to it; every file is read again and proven before the
 * folder appears.
 */
export async function rewardsExport(io: Io, options: RewardsExportOptions): Promise<void> {
  if (options.cumulative && options.format?.includes("safe"))
    throw new LpLedgerError(
      "usage",
      "SAFE_CUMULATIVE",
      "a Safe batch of cumulative totals would pay again what was paid before",
      {
        hint: "nothing was written: leave out --cumulative, and export each epoch for Safe; or leave out safe",
        exitCode: 64,
      },
    );
  const { settings, programme } = contextOf(io, options);
  const { results, facts } = await withReader(settings, async (store) =>
    store.db.transaction(() => ({
      results: finalUpTo(store, programme, options.epoch),
      facts: store.addressFacts.all(),
    }))(),
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
    const written = tokensOf(results).map((token) => writeToken(part, token, chosen, options, facts));
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
    else io.out(textOf(folder, written, tokensOf(results), options));
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
  { format = FORMATS, cumulative = false, reason = "liquidity rewards", merklFeeBp }: RewardsExportOptions,
  facts: ReadonlyMap<string, AddressFacts>,
): Written {
  const { payouts, total, root, files } = distributionOf(token, chosen, { formats: format, cumulative, reason });
  for (const { name, text } of files) writeFileSync(join(folder, name), text);
  return {
    token: checksummed(token.address),
    chainId: token.chainId,
    symbol: token.symbol,
    recipients: payouts.length,
    contracts: payouts.flatMap(({ recipient, amount }) => {
      const what = contractText(facts.get(recipient));
      return what === "" ? [] : [{ recipient: checksummed(recipient), amount: `${amount}`, what }];
    }),
    total: `${total}`,
    ...(root === null ? {} : { root }),
    ...(merklFeeBp === undefined ? {} : { merklFunding: `${grossOf(total, merklFeeBp)}` }),
    files: files.map(({ name, text }) => ({ file: name, sha256: sha256(text) })),
  };
}

function textOf(
  folder: string,
  written: readonly Written[],
  tokens: readonly TokenSums[],
  { cumulative, format }: RewardsExportOptions,
): string {
  const lines = written.flatMap((each, i) => {
    const whole = (amount: string): string => formatDecimal(BigInt(amount), tokens[i]?.decimals ?? 0);
    return [
      `${whole(each.total)} ${each.symbol} to ${each.recipients} recipients on chain ${each.chainId}`,
      ...(each.root === undefined ? [] : [`  root ${each.root}`]),
      ...(each.merklFunding === undefined ? [] : [`  fund Merkl with ${whole(each.merklFunding)} ${each.symbol}`]),
      ...each.files.map(({ file }) => `  ${file}`),
      ...each.contracts.map(
        ({ recipient, amount, what }) => `  ${whole(amount)} ${each.symbol} of it to ${recipient}, ${what}`,
      ),
      ...(each.recipients === 0 ? ["  nobody is paid: no file was written"] : []),
    ];
  });
  const left =
    cumulative && format === undefined
      ? ["no batch for Safe: of cumulative totals it would pay again what was paid before"]
      : [];
  return `${[folder, ...lines, ...left].join("\n")}\n`;
}
