import { type Logger, pino } from "pino";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: string;
  /** Texts that must never appear in the log, longest first. */
  readonly secrets: readonly string[];
  readonly write: (line: string) => void;
}

/** A logger of JSON lines; every secret is replaced in the finished line, wherever it came from. */
export function createLogger({ level, secrets, write }: LogOptions): Logger {
  const stream = {
    write: (line: string): void => {
      write(secrets.reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), line));
    },
  };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
