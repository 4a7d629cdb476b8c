import { type Command, Option } from "commander";
import type { Address } from "../core/hex.ts";
import { FORMATS } from "../distribution/distribution.ts";
import type { CommonOptions, Io } from "../runtime/context.ts";
import { address, command, day, poolIds, wholeNumber } from "./command.ts";
import { type ExplainOptions, rewardsExplain } from "./explain.ts";
import { pricesImport, pricesMissing, pricesRevise, type ReviseOptions } from "./prices.ts";
import { pricesFetch } from "./prices-fetch.ts";
import {
  type CalculateOptions,
  type EpochOptions,
  type FinalizeOptions,
  rewardsCalculate,
  rewardsFinalize,
  rewardsShow,
} from "./rewards.ts";
import { type RewardsExportOptions, rewardsExport } from "./rewards-export.ts";
import { tiers } from "./tiers.ts";

/** Prices beside what pools tell. */
export function priceCommands(program: Command, io: Io): void {
  const prices = command(
    program,
    "prices",
    "imported prices, and those that are missing",
    "lp-ledger prices missing",
  ).action((options: CommonOptions) => pricesMissing(io, options));
  command(prices, "missing", "list the tokens and closed days that have no price", "lp-ledger prices missing").action(
    (_: CommonOptions, self: Command) => pricesMissing(io, self.optsWithGlobals()),
  );
  command(
    prices,
    "import",
    "bring prices in from a file: CSV with the heading token,date,price, or a JSON list of such objects with text prices",
    "lp-ledger prices import prices.csv",
  )
    .argument("<file>", "the file; with any mistake in it nothing is imported")
    .action((file: string, _: CommonOptions, self: Command) => pricesImport(io, file, self.optsWithGlobals()));
  morePriceCommands(prices, io);
}

/** Prices beside what pools tell, from services and by hand. */
function morePriceCommands(prices: Command, io: Io): void {
  command(
    prices,
    "fetch",
    "ask CoinGecko and DefiLlama for closed days without a price, where the programme file names them",
    "lp-ledger prices fetch",
  ).action((_: CommonOptions, self: Command) => pricesFetch(io, self.optsWithGlobals()));
  command(
    prices,
    "revise",
    "change what final days were priced with, and keep the reason; without --price by the file's sources as they are now",
    'lp-ledger prices revise --token 0x1234…abcd --date 2026-01-31 --price 1.05 "the exchange had halted"',
  )
    .addOption(new Option("--token <address>", "the token").argParser(address).makeOptionMandatory())
    .addOption(new Option("--date <day>", "the day, or the first of several").argParser(day).makeOptionMandatory())
    .addOption(new Option("--to <day>", "the last day").argParser(day))
    .option("--price <text>", "quote units per whole token")
    .argument("<reason>", "why; it stays beside the price")
    .action((reason: string, _: ReviseOptions, self: Command) => pricesRevise(io, reason, self.optsWithGlobals()));
}

function epoch(): Option {
  const number = wholeNumber("an epoch, counted from 1", 100_000, 1);
  return new Option("--epoch <number>", "which epoch, counted from 1").argParser(number);
}

/** Loyalty, and what it earns. */
export function rewardCommands(program: Command, io: Io): void {
  command(program, "tiers", "how the tiers are filled, and each provider's next threshold", "lp-ledger tiers").action(
    (options: CommonOptions) => tiers(io, options),
  );
  const rewards = command(program, "rewards", "reward epochs, from calculation to files", "lp-ledger rewards").action(
    (options: CommonOptions) => rewardsShow(io, options),
  );
  command(
    rewards,
    "calculate",
    "calculate an epoch, or every one whose days are final, settled and priced; a final one is compared",
    "lp-ledger rewards calculate --epoch 3",
  )
    .addOption(epoch())
    .option(
      "--leave-out <pools...>",
      "pools that count nothing on days on which they cannot be valued, so that they hold up nobody else",
      poolIds,
    )
    .action((_: CalculateOptions, self: Command) => rewardsCalculate(io, self.optsWithGlobals()));
  command(rewards, "show", "list the epochs, or one with all it gives", "lp-ledger rewards show --epoch 3")
    .addOption(epoch())
    .action((_: EpochOptions, self: Command) => rewardsShow(io, self.optsWithGlobals()));
  command(
    rewards,
    "finalize",
    "show an epoch (by default the first that is not final), and freeze it once that is confirmed: it never changes again",
    "lp-ledger rewards finalize --epoch 3",
  )
    .addOption(epoch())
    .option("--yes", "for scripts: nobody is asked")
    .action((_: FinalizeOptions, self: Command) => rewardsFinalize(io, self.optsWithGlobals()));
  command(
    rewards,
    "explain",
    "print everything one provider's rewards follow from, line by line",
    "lp-ledger rewards explain 0x1234…abcd --epoch 3",
  )
    .argument("<address>", "the provider", address)
    .addOption(epoch().makeOptionMandatory())
    .action((of: Address, _: ExplainOptions, self: Command) => rewardsExplain(io, of, self.optsWithGlobals()));
  exportCommand(rewards, io);
}

function exportCommand(rewards: Command, io: Io): void {
  command(
    rewards,
    "export",
    "write the distribution files of a final epoch: Merkle tree with proofs, Merkl airdrop, Safe CSV",
    "lp-ledger rewards export --epoch 3 --to payouts",
  )
    .addOption(epoch().makeOptionMandatory())
    .option("--cumulative", "what all epochs up to it paid together, for contracts that pay the difference")
    .addOption(new Option("--format <formats...>", "only these").choices(FORMATS))
    .option("--to <folder>", "where the folder of files goes (default: here)")
    .option("--reason <text>", "what Merkl's file says the rewards are for")
    .addOption(
      new Option("--merkl-fee-bp <number>", "say what to fund Merkl with when it takes this fee").argParser(
        wholeNumber("basis points", 9_999),
      ),
    )
    .action((_: RewardsExportOptions, self: Command) => rewardsExport(io, self.optsWithGlobals()));
}
