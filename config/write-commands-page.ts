import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { commandsOf } from "../src/cli/commands.ts";
import type { Io } from "../src/runtime/context.ts";
import { wrapped } from "./wrapped.ts";

const INTRODUCTION =
  "Made from the commands themselves by `npm run schema`; `lp-ledger COMMAND --help` says the same. Every command also " +
  "takes `--settings PATH` (settings from this file instead of `.env`), `--json` (one JSON object or one a line, errors " +
  "included) and `--help`. Results go to stdout, messages and progress to stderr.";
/** Options that every command has. */
const COMMON = new Set(["--settings", "--json", "--help"]);

/** Every command with its arguments, its options and an example. */
export function commandsPage(): string {
  // Nothing is run: what a command would touch is never asked for.
  const program = commandsOf({ out: () => {}, talk: () => {} } as unknown as Io, false);
  const sections = all(program, []).map(({ path, command }) => sectionOf(path, command));
  return `# Commands\n\n${wrapped(INTRODUCTION)}\n\n${sections.join("\n")}`;
}

function all(parent: Command, before: readonly string[]): readonly { path: string; command: Command }[] {
  return parent.commands
    .filter((command) => command.name() !== "help")
    .flatMap((command) => {
      const path = [...before, command.name()];
      return [{ path: path.join(" "), command }, ...all(command, path)];
    });
}

function sectionOf(path: string, command: Command): string {
  const args = command.registeredArguments.map(
    (each) => `| \`${each.required ? `<${each.name()}>` : `[${each.name()}]`}\` | ${cell(each.description)} |`,
  );
  const options = command.options
    .filter(({ long }) => !COMMON.has(long ?? ""))
    .map(({ flags, description }) => `| \`${flags.replaceAll("|", "\\|")}\` | ${cell(description)} |`);
  const rows = [...args, ...options];
  const table = rows.length === 0 ? "" : `\n| | |\n|---|---|\n${rows.join("\n")}\n`;
  return `## lp-ledger ${path}\n\n${wrapped(`${command.description()}.`)}\n${table}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(new URL("../docs/commands.md", import.meta.url), commandsPage());
