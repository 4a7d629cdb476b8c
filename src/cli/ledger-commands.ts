import { type Command, Option } from "commander";
import type { CommonOptions, Io } from "../runtime/context.ts";
import { backup, listAll, prune, type RestoreOptions, restore, verifyBackups } from "./backup.ts";
import { type CheckOptions, check } from "./check.ts";
import { addresses, blockHash, command, poolIds, wholeNumber } from "./command.ts";
import { type InitOptions, init } from "./init.ts";
import { optimize } from "./optimize.ts";
import { rebuild } from "./rebuild.ts";
import { type StartOptions, start } from "./start.ts";
import { type StatusOptions, status } from "./status.ts";
import { type VerifyOptions, verify } from "./verify.ts";

/** Writes a first configuration. */
export function initCommand(program: Command, io: Io): void {
  command(
    program,
    "init",
    "ask for a node and pools, look at them, and write .env and the programme file",
    "lp-ledger init --rpc http://127.0.0.1:8545 --pool 0x1234…abcd",
  )
    .option("--rpc <url>", "the node")
    .addOption(new Option("--pool <pools...>", "pools to follow, by address or id").argParser(poolIds))
    .addOption(new Option("--manager <addresses...>", "position managers of pools with ticks").argParser(addresses))
    .option("--start-block <block>", "a block not after the pools' creation, for nodes without old state")
    .option("--tiers <levels>", "loyalty tiers as WEEK:MULTIPLIER, like 1:1,5:1.25")
    .option("--reward-token <address>", "the token rewards are paid in")
    .option("--reward-budget <amount>", "whole tokens for the whole programme")
    .option("--reward-start <day>", "the programme's first UTC day")
    .option("--reward-days <n>", "how many days it lasts")
    .option("--epoch-days <n>", "how many days an epoch has")
    .option("--to <folder>", "where to write (default: here)")
    .option("--force", "replace files that are there")
    .action((options: InitOptions) => init(io, options));
}

/** Commands that follow the chain, and compare the ledger with it. */
export function followCommands(program: Command, io: Io): void {
  command(program, "start", "follow the chain and keep the ledger", "lp-ledger start")
    .option("--once", "stop at the present head")
    .addOption(
      new Option("--accept-deep-reorg <hash>", "undo final blocks: the hash that the refusal named").argParser(
        blockHash,
      ),
    )
    .action((options: StartOptions) => start(io, options));
  command(program, "check", "check the configuration against its schema, the ledger and the chain", "lp-ledger check")
    .option("--offline", "ask no node: only the schema, and the ledger where there is one")
    .action((options: CheckOptions) => check(io, options));
  command(program, "status", "show how the ledger stands, from the database alone", "lp-ledger status --json")
    .addOption(
      new Option(
        "--max-age <seconds>",
        "for supervisors: fail when halted, or when nothing was committed for so long",
      ).argParser(wholeNumber("seconds")),
    )
    .action((options: StatusOptions) => status(io, options));
  command(
    program,
    "verify",
    "compare every position with what the contracts answer",
    "lp-ledger verify --block 19000000",
  )
    .addOption(
      new Option("--block <number>", "as of this block instead of the tip").argParser(wholeNumber("a block number")),
    )
    .option("--deep", "check the file itself instead, without the node: every row, posting and digest")
    .action((options: VerifyOptions) => verify(io, options));
  command(
    program,
    "rebuild",
    "compute derived state again from stored events, without the node",
    "lp-ledger rebuild",
  ).action((options: CommonOptions) => rebuild(io, options));
}

/** Commands that look after the file. */
export function fileCommands(program: Command, io: Io): void {
  command(program, "optimize", "compact the file (VACUUM), while no daemon runs", "lp-ledger optimize").action(
    (options: CommonOptions) => optimize(io, options),
  );
  command(
    program,
    "restore",
    "put a backup in the place of the ledger, keeping the old file aside",
    "lp-ledger restore --latest",
  )
    .argument("[file]", "a backup; or --latest")
    .option("--latest", "the newest backup that is good")
    .action((file: string | undefined, options: RestoreOptions) => restore(io, file, options));
  const backups = command(program, "backup", "make a verified backup now", "lp-ledger backup").action(
    (options: CommonOptions) => backup(io, options),
  );
  command(backups, "list", "list the backups, newest first", "lp-ledger backup list").action(
    (_: CommonOptions, self: Command) => listAll(io, self.optsWithGlobals()),
  );
  command(backups, "verify", "check one backup, or all", "lp-ledger backup verify")
    .argument("[file]", "a backup")
    .action((file: string | undefined, _: CommonOptions, self: Command) =>
      verifyBackups(io, file, self.optsWithGlobals()),
    );
  command(backups, "prune", "remove what the settings no longer want kept", "lp-ledger backup prune").action(
    (_: CommonOptions, self: Command) => prune(io, self.optsWithGlobals()),
  );
}
