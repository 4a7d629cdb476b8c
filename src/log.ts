import { type Logger, pino } from "pino";
import { plainLines, plainText } from "./core/plain-text.ts";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: string;
  /** Texts that must never appear in the log, longest first. */
  readonly secrets: readonly string[];
  readonly write: (line: string) => void;
}

/** A logger of JSON lines; every secret is replaced in the finished line, wherever it came from. */
export function createLogger({ level, secrets, write }: LogOptions): Logger {
  const redact = (line: string): string =>
    secrets.reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), line);
  const stream = {
    write: (line: string): void => {
      write(plainLines(redact(line)));
    },
  };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

const LEVELS: Readonly<Record<number, string>> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};

/** A JSON log line as a person would read it: time, level unless it is info, message, facts. */
export function readableLine(line: string): string {
  let parsed: Record<string, unknown>;
  try {
    parsed = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line; // A secret was replaced where JSON does not bear it: better ugly than lost.
  }
  const { level, time, msg, ...facts } = parsed;
  const name = LEVELS[Number(level)] ?? String(level);
  const rest = Object.entries(facts).map(
    ([key, value]) => `${key}=${typeof value === "string" ? plainText(value) : JSON.stringify(value)}`,
  );
  return `${[String(time).slice(11, 19), ...(name === "info" ? [] : [name]), plainText(String(msg)), ...rest].join("  ")}\n`;
}
