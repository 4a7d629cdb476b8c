import { Command, Option } from "commander";
import type { Address } from "../core/hex.ts";
import type { CommonOptions, Io } from "../runtime/context.ts";
import { versionOf } from "../runtime/version.ts";
import { PUBLIC_TABLES } from "../store/queries/query.ts";
import { type ArchiveOptions, exportAll } from "./archive.ts";
import { auditList, auditResolve, auditShow, type FindingOptions } from "./audit.ts";
import { address, addresses, command, day, poolId, poolIds, wholeNumber } from "./command.ts";
import { configGet, configList, configSet, configUnset } from "./config.ts";
import { exportPositions } from "./export.ts";
import { type AtOptions, at, diff } from "./history.ts";
import { fileCommands, followCommands, initCommand } from "./ledger-commands.ts";
import { type OrderOptions, poolOrder, wrapperDrop } from "./pool.ts";
import { priceCommands, rewardCommands } from "./programme-commands.ts";
import { type DaysOptions, days, exportTable, type ProviderOptions, provider, stats } from "./query.ts";
import { report } from "./report.ts";

/** Runs one command line to its exit code: results go to `io.out`, talk and errors to `io.talk`. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const asJson = argv.includes("--json");
  try {
    await commandsOf(io, asJson).parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    return report(error, io, asJson);
  }
}

/** All commands, as they are parsed and as their help shows them. */
export function commandsOf(io: Io, asJson: boolean): Command {
  const program = new Command("lp-ledger")
    .description("An exact, reorg-safe ledger of who provided how much liquidity, for how long.")
    .version(versionOf(), "-V, --version", "show the version")
    // What is wrong with a command line is told as JSON where that is wanted.
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => (asJson ? undefined : io.talk(text)) })
    .exitOverride()
    .showHelpAfterError("(lp-ledger --help lists the commands)");

  initCommand(program, io);
  followCommands(program, io);
  fileCommands(program, io);
  configCommands(program, io);
  auditCommands(program, io);
  poolCommands(program, io);
  priceCommands(program, io);
  rewardCommands(program, io);
  queryCommands(program, io);
  return program;
}

/** Settings an operator keeps in the ledger, and the state beside them. */
function configCommands(program: Command, io: Io): void {
  const config = command(
    program,
    "config",
    "settings kept in the ledger, and its state",
    "lp-ledger config list",
  ).action((options: CommonOptions) => configList(io, options));
  command(config, "list", "list every setting and where its value comes from", "lp-ledger config list").action(
    (_: CommonOptions, self: Command) => configList(io, self.optsWithGlobals()),
  );
  command(config, "get", "show one setting or one value of the state", "lp-ledger config get last_processed_block")
    .argument("<key>", "as lp-ledger config list names it")
    .action((key: string, _: CommonOptions, self: Command) => configGet(io, key, self.optsWithGlobals()));
  command(config, "set", "keep a setting; a running daemon applies it at once", "lp-ledger config set backup_keep 20")
    .argument("<key>", "an operator's setting")
    .argument("<value>", "a whole number")
    .action((key: string, value: string, _: CommonOptions, self: Command) =>
      configSet(io, key, value, self.optsWithGlobals()),
    );
  command(config, "unset", "forget a setting: its default holds again", "lp-ledger config unset backup_keep")
    .argument("<key>", "an operator's setting")
    .action((key: string, _: CommonOptions, self: Command) => configUnset(io, key, self.optsWithGlobals()));
}

/** What the self-audit found. */
function auditCommands(program: Command, io: Io): void {
  const audit = command(program, "audit", "findings of the self-audit", "lp-ledger audit list").action(
    (options: CommonOptions) => auditList(io, options),
  );
  command(audit, "list", "list every finding and its resolution", "lp-ledger audit list").action(
    (_: CommonOptions, self: Command) => auditList(io, self.optsWithGlobals()),
  );
  command(
    audit,
    "resolve",
    "close a finding that has been explained",
    'lp-ledger audit resolve --block 19000000 --identity VERIFY "the node was pruned"',
  )
    .addOption(findingBlock())
    .addOption(findingIdentity())
    .argument("<reason>", "why it is no error of the ledger; stays beside the finding")
    .action((reason: string, _: FindingOptions, self: Command) => auditResolve(io, reason, self.optsWithGlobals()));
  command(
    audit,
    "show",
    "one finding: what did not hold, what it stops, who can break it, and what ends it",
    "lp-ledger audit show --block 19000000 --identity V2-4",
  )
    .addOption(findingBlock())
    .addOption(findingIdentity())
    .action((_: FindingOptions, self: Command) => auditShow(io, self.optsWithGlobals()));
}

const findingBlock = (): Option =>
  new Option("--block <number>", "its block").argParser(wholeNumber("a block number")).makeOptionMandatory();
const findingIdentity = (): Option => new Option("--identity <identity>", "its identity").makeOptionMandatory();
const reasonOption = (): Option =>
  new Option("--reason <reason>", "why; stays in lp-ledger audit list").makeOptionMandatory();

/** What can be done about one pool. */
function poolCommands(program: Command, io: Io): void {
  const pool = command(program, "pool", "what can be done about one pool", "lp-ledger pool refetch 0x1234…abcd");
  command(
    pool,
    "refetch",
    "have the history of pools fetched again, alone, by the next start; their entries, managers and wrappers in the programme file may be others then",
    'lp-ledger pool refetch 0x1234…abcd --reason "its position manager was missing"',
  )
    .argument("<pools...>", "pools that the programme file names, or that its factories made", poolIds)
    .addOption(reasonOption())
    .action((pools: readonly Address[], _: OrderOptions, self: Command) =>
      poolOrder(io, "refetch", pools, self.optsWithGlobals()),
    );
  command(
    pool,
    "drop",
    "take pools out of the ledger by the next start, with a programme file that does not name them any more (of a factory's pool: its except does); what final epochs were paid by stays",
    'lp-ledger pool drop 0x1234…abcd --reason "its token takes what it likes"',
  )
    .argument("<pools...>", "pools that the ledger follows", poolIds)
    .addOption(reasonOption())
    .action((pools: readonly Address[], _: OrderOptions, self: Command) =>
      poolOrder(io, "drop", pools, self.optsWithGlobals()),
    );
  const wrapper = command(
    program,
    "wrapper",
    "what can be done about one wrapper",
    "lp-ledger wrapper drop 0x1234…abcd",
  );
  command(
    wrapper,
    "drop",
    "have the pools that wrappers hold something of fetched again by the next start, with a programme file that does not name those wrappers any more",
    'lp-ledger wrapper drop 0x1234…abcd --reason "its logs claim what it does not hold"',
  )
    .argument("<wrappers...>", "wrappers that the ledger follows", addresses)
    .addOption(reasonOption())
    .action((wrappers: readonly Address[], _: OrderOptions, self: Command) =>
      wrapperDrop(io, wrappers, self.optsWithGlobals()),
    );
}

/** The commands that read the ledger and nothing else. */
function queryCommands(program: Command, io: Io): void {
  command(
    program,
    "provider",
    "one provider: what it holds, and its newest days",
    "lp-ledger provider 0x1234…abcd --days 30",
  )
    .argument("<address>", "the provider", address)
    .addOption(new Option("--days <number>", "how many days").argParser(wholeNumber("a number of days")).default(30))
    .action((of: Address, options: ProviderOptions) => provider(io, of, options));
  command(
    program,
    "days",
    "daily balances, in order of day, provider and pool",
    "lp-ledger days --from 2026-01-01 --csv",
  )
    .addOption(new Option("--provider <address>", "of one provider").argParser(address))
    .addOption(new Option("--pool <pool>", "in one pool, by its address or id").argParser(poolId))
    .addOption(new Option("--from <day>", "first day").argParser(day))
    .addOption(new Option("--to <day>", "last day").argParser(day))
    .option("--csv", "as CSV")
    .action((options: DaysOptions) => days(io, options));
  command(program, "stats", "providers, tiers and totals", "lp-ledger stats --json").action((options: CommonOptions) =>
    stats(io, options),
  );
  command(program, "at", "what was held at the end of a block or a day", "lp-ledger at --date 2026-01-31")
    .addOption(new Option("--block <number>", "at the end of this block").argParser(wholeNumber("a block number")))
    .addOption(new Option("--date <day>", "at the end of this UTC day").argParser(day))
    .action((options: AtOptions) => at(io, options));
  command(program, "diff", "whose positions differ between two blocks or backups", "lp-ledger diff 19000000 19100000")
    .argument("<before>", "a block number or a backup")
    .argument("<after>", "a block number or a backup")
    .action((before: string, after: string, options: CommonOptions) => diff(io, before, after, options));
  command(
    program,
    "export",
    "a table in canonical order, or every open position",
    "lp-ledger export positions > positions.jsonl",
  )
    .argument("<what>", `all, positions, ${Object.keys(PUBLIC_TABLES).join(", ")}`)
    .addOption(new Option("--format <format>", "jsonl or csv").choices(["jsonl", "csv"]).default("jsonl"))
    .option("--to <folder>", "with all: where the dated folder of compressed files goes (default: here)")
    .action((what: string, options: ArchiveOptions) =>
      what === "all"
        ? exportAll(io, options)
        : what === "positions"
          ? exportPositions(io, options)
          : exportTable(io, what, options),
    );
}
