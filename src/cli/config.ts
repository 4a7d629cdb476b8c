import { notThere } from "../core/errors.ts";
import { type CommonOptions, type Io, settingsOf, withOperator, withReader } from "../runtime/context.ts";
import { OPERATOR_SETTINGS, operatorValue, parseOperatorValue, type Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { jsonAnswer } from "./table.ts";

/** One key of `program_config` or one operator setting, with where its value comes from. */
interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly source: "state" | "environment" | "ledger" | "default";
  readonly updatedAt: string | null;
}

/** Every operator setting, and the state the ledger keeps beside them. */
export async function configList(io: Io, options: CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const entries = await withReader(settings, async (store) => entriesOf(settings, store));
  if (options.json) {
    io.out(jsonAnswer(entries));
    return;
  }
  for (const entry of entries) io.out(lineOf(entry));
}

/** One key, as JSON. */
export async function configGet(io: Io, key: string, options: CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const entries = await withReader(settings, async (store) => entriesOf(settings, store));
  const found = entries.find((entry) => entry.key === key);
  if (found === undefined) {
    const hint = `one of ${entries.map((entry) => entry.key).join(", ")}`;
    throw notThere("NO_KEY", `there is no key ${JSON.stringify(key)}`, hint);
  }
  io.out(options.json ? jsonAnswer(found) : `${JSON.stringify(found.value)}\n`);
}

/** Keeps an operator setting in the ledger; a running daemon applies it at its next step. */
export async function configSet(io: Io, key: string, text: string, options: CommonOptions): Promise<void> {
  const value = parseOperatorValue(key, text);
  await change(io, key, options, (store) => store.config.setOperator(key, value, store.nowIso()));
}

/** Forgets an operator setting: the default holds again. */
export async function configUnset(io: Io, key: string, options: CommonOptions): Promise<void> {
  if (!OPERATOR_SETTINGS.has(key)) parseOperatorValue(key, "");
  await change(io, key, options, (store) => store.config.unsetOperator(key));
}

async function change(io: Io, key: string, options: CommonOptions, write: (store: Store) => void): Promise<void> {
  const settings = settingsOf(io, options);
  const entry = await withOperator(settings, async (store) => {
    store.write(() => write(store));
    return entriesOf(settings, store).find((each) => each.key === key);
  });
  if (entry?.source === "environment")
    io.talk(`WARNING: ${key.toUpperCase()} is set in the environment or the env file, which wins over the ledger\n`);
  if (entry !== undefined) io.out(options.json ? jsonAnswer(entry) : lineOf(entry));
}

function entriesOf(settings: Settings, store: Store): readonly Entry[] {
  const rows = store.config.all();
  const state = rows
    .filter((row) => !OPERATOR_SETTINGS.has(row.key))
    .map((row): Entry => ({ ...row, value: JSON.parse(row.value), source: "state" }));
  const operator = [...OPERATOR_SETTINGS].map(([key, setting]): Entry => {
    const { value, source } = operatorValue(setting, settings, (name) => store.config.operator(name));
    const updatedAt = source === "ledger" ? (rows.find((row) => row.key === key)?.updatedAt ?? null) : null;
    return { key, value, source, updatedAt };
  });
  return [...operator, ...state];
}

function lineOf({ key, value, source, updatedAt }: Entry): string {
  const text = JSON.stringify(value);
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return `${key.padEnd(24)} ${short.padEnd(20)} ${source}${updatedAt === null ? "" : `, ${updatedAt}`}\n`;
}
