import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse as parseDotenv } from "dotenv";
import { configError, type Problem } from "./config/problems.ts";
import { LOG_LEVELS, SETTINGS, type Setting } from "./config/setting-list.ts";
import { notThere } from "./core/errors.ts";
import { nearestOf } from "./core/nearest.ts";

/** What belongs to the deployment: from the environment, an env file, or files that `*_FILE` variables name. */
export interface Settings {
  readonly databasePath: string;
  /** A WebSocket that tells of new heads, as a hint to look now. */
  readonly wsUrl: string | undefined;
  readonly programmePath: string;
  /** In order of preference; the ids stand for the URLs wherever those must not be seen. */
  readonly endpoints: readonly { readonly id: string; readonly url: string }[];
  readonly logLevel: string;
  readonly rpcTimeoutMs: number;
  readonly rpcBodyBytesMax: number;
  readonly rangeBlocksMax: number;
  readonly coingecko: { readonly url: string; readonly key: string | undefined };
  readonly defillamaUrl: string;
  readonly http: HttpSettings;
  readonly backupFolder: string;
  readonly allowUnsafeFileSystem: boolean;
  /** Whether final blocks are read a second time; rewards rest on settled days only. */
  readonly settling: boolean;
  readonly quarantine: boolean;
  /** Seconds that a block's time may be ahead of the machine's clock. */
  readonly clockDriftSec: number;
  /** What the deployment itself says of the settings an operator may also keep in the ledger, by name. */
  readonly given: ReadonlyMap<string, number>;
}

/** The read-only HTTP side. */
export interface HttpSettings {
  /** Undefined: no HTTP. */
  readonly port: number | undefined;
  readonly host: string;
  readonly token: string | undefined;
  readonly insecurePublic: boolean;
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly ready: {
    readonly lagBlocksMax: number;
    readonly withQuarantines: boolean;
    readonly lagSecondsMax: number;
    readonly stallSecondsMax: number;
    readonly diskBytesMin: number;
  };
}

/** Settings that may also be kept in the ledger, where a running daemon sees a change at once. */
export interface OperatorSettings {
  readonly pollIntervalMs: number;
  readonly giveUpMs: number;
  readonly stallMs: number;
  readonly verifySample: number;
  /** Zero: no scheduled backups. */
  readonly backupIntervalSec: number;
  readonly backupKeep: number;
  readonly backupMaxAgeSec: number;
}

/** Below this much free disk the ledger is not ready. */
const DISK_BYTES_MIN = 256 * 2 ** 20;

export interface SettingsSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Defaults to `.env` in the working directory, which may be absent. */
  readonly envFile?: string | undefined;
}

/** Reads all settings; the environment wins over the env file. @throws CONFIG with every problem at once. */
export function readSettings({ env, cwd, envFile }: SettingsSource): Settings {
  const problems: Problem[] = [];
  const file = readEnvFile(resolve(cwd, envFile ?? ".env"), envFile !== undefined, problems);
  const values = new Map<string, string | undefined>();
  const given = new Map<string, number>();
  for (const setting of SETTINGS) {
    const { name } = setting;
    const path = unquoted(env[`${name}_FILE`]) ?? file[`${name}_FILE`];
    const value =
      unquoted(env[name]) ?? (path === undefined ? file[name] : readSecret(name, resolve(cwd, path), problems));
    const problem = value === undefined ? undefined : problemOf(setting, value);
    if (problem !== undefined) problems.push(problem);
    values.set(name, value ?? setting.fallback);
    if (setting.operator && value !== undefined) given.set(name, Number(value));
  }
  const endpoints = endpointsOf(values.get("RPC_URL"), values.get("RPC_URLS"));
  const ids = endpoints.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) problems.push({ field: "RPC_URLS", expected: "each id once", found: JSON.stringify(twice) });
  if (problems.length > 0) throw configError("the environment", problems);
  const number = (name: string): number => Number(values.get(name));
  return {
    endpoints,
    wsUrl: values.get("RPC_WS_URL"),
    databasePath: resolve(cwd, values.get("DATABASE") ?? ""),
    programmePath: resolve(cwd, values.get("PROGRAMME") ?? ""),
    logLevel: values.get("LOG_LEVEL") ?? "info",
    rpcTimeoutMs: number("RPC_TIMEOUT_MS"),
    rpcBodyBytesMax: number("RPC_BODY_BYTES_MAX"),
    rangeBlocksMax: number("RANGE_BLOCKS_MAX"),
    settling: number("SETTLING") === 1,
    quarantine: number("QUARANTINE") === 1,
    clockDriftSec: number("CLOCK_DRIFT_SECONDS"),
    http: {
      port: values.get("HTTP_PORT") === undefined ? undefined : number("HTTP_PORT"),
      host: values.get("HTTP_HOST") ?? "",
      token: values.get("HTTP_TOKEN"),
      insecurePublic: number("HTTP_INSECURE_PUBLIC") === 1,
      allowedHosts: listOf(values.get("HTTP_ALLOWED_HOSTS")),
      corsOrigins: listOf(values.get("HTTP_CORS_ORIGINS")),
      ready: {
        lagBlocksMax: number("READY_LAG_BLOCKS"),
        lagSecondsMax: number("READY_LAG_SECONDS"),
        withQuarantines: number("READY_QUARANTINES") === 1,
        stallSecondsMax: Number(values.get("STALL_SECONDS")),
        diskBytesMin: DISK_BYTES_MIN,
      },
    },
    coingecko: { url: values.get("COINGECKO_URL") ?? "", key: values.get("COINGECKO_API_KEY") },
    defillamaUrl: values.get("DEFILLAMA_URL") ?? "",
    allowUnsafeFileSystem: number("ALLOW_UNSAFE_FILE_SYSTEM") === 1,
    backupFolder: resolve(cwd, values.get("BACKUP_DIR") ?? `${values.get("DATABASE")}.backups`),
    given,
  };
}

/** Settings an operator may keep in the ledger, by the key they have there. */
export const OPERATOR_SETTINGS: ReadonlyMap<string, Setting> = new Map(
  SETTINGS.filter((setting) => setting.operator).map((setting) => [setting.name.toLowerCase(), setting]),
);

/**
 * Where the value of an operator setting comes from: the deployment wins over the ledger, and that over the default.
 */
export function operatorValue(
  { name, fallback }: Setting,
  settings: Settings,
  stored: (key: string) => unknown,
): { readonly value: number; readonly source: "environment" | "ledger" | "default" } {
  const given = settings.given.get(name);
  if (given !== undefined) return { value: given, source: "environment" };
  const kept = stored(name.toLowerCase());
  if (kept === undefined) return { value: Number(fallback), source: "default" };
  return { value: parseOperatorValue(name.toLowerCase(), String(kept)), source: "ledger" };
}

/** @throws NO_KEY where the key is not an operator's, CONFIG where the value is not one it may have. */
export function parseOperatorValue(key: string, text: string): number {
  const setting = OPERATOR_SETTINGS.get(key);
  if (setting === undefined) {
    const hint = `it may be ${expectedName(key, [...OPERATOR_SETTINGS.keys()])}`;
    throw notThere("NO_KEY", `there is no setting ${JSON.stringify(key)} that an operator keeps in the ledger`, hint);
  }
  const problem = problemOf(setting, text);
  if (problem !== undefined)
    throw configError("what the ledger is to keep", [{ ...problem, field: key }], "nothing was changed");
  return Number(text);
}

/** All operator settings as they are at this moment. */
export function operatorSettings(settings: Settings, stored: (key: string) => unknown): OperatorSettings {
  const number = (key: string): number => {
    const setting = OPERATOR_SETTINGS.get(key);
    if (setting === undefined) throw new Error(`unreachable: ${key} is an operator setting`);
    return operatorValue(setting, settings, stored).value;
  };
  return {
    pollIntervalMs: number("poll_interval_ms"),
    giveUpMs: number("give_up_seconds") * 1000,
    stallMs: number("stall_seconds") * 1000,
    verifySample: number("verify_sample"),
    backupIntervalSec: number("backup_interval_seconds"),
    backupKeep: number("backup_keep"),
    backupMaxAgeSec: number("backup_max_age_days") * 86_400,
  };
}

function readEnvFile(path: string, required: boolean, problems: Problem[]): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (required) problems.push({ field: "--settings", expected: "a readable file", found: (error as Error).message });
    return {};
  }
  const values = parseDotenv(text);
  const known = new Set(SETTINGS.flatMap(({ name }) => [name, `${name}_FILE`]));
  for (const name of Object.keys(values)) {
    if (!known.has(name))
      problems.push({ field: name, expected: expectedName(name, [...known]), found: "an unknown variable" });
  }
  return values;
}

function expectedName(name: string, known: readonly string[]): string {
  const meant = nearestOf(name, known);
  return meant === undefined ? `one of ${known.join(", ")}` : `${meant}, or another setting that there is`;
}

/** Files of variables are read by some with the quotes as a part of the value, by Docker among them. */
function unquoted(text: string | undefined): string | undefined {
  const [, , inner] = /^(["'])(.*)\1$/s.exec(text ?? "") ?? [];
  return inner ?? text;
}

/** RPC_URL first, then those of RPC_URLS; without an id of its own each is called rpc-1, rpc-2, ... by its place. */
function endpointsOf(first: string | undefined, more: string | undefined): Settings["endpoints"] {
  const given = [first ?? "", ...(more ?? "").split(/[\s,]+/)].filter((text) => text !== "");
  return given.map((text, i) => {
    const [, id, url] = /^([a-z0-9][a-z0-9_-]{0,30})=(.*)$/i.exec(text) ?? [];
    return id === undefined || url === undefined ? { id: `rpc-${i + 1}`, url: text } : { id, url };
  });
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? "").split(/[\s,]+/).filter((each) => each !== "");
}

function isHttp(url: string): boolean {
  return URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
}

function readSecret(name: string, path: string, problems: Problem[]): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    problems.push({ field: `${name}_FILE`, expected: "a readable file", found: pathProblem(error, path) });
    return undefined;
  }
}

/** What cannot be read, without a path that may be the secret itself. */
function pathProblem(error: unknown, path: string): string {
  const { code = "an error", message } = error as NodeJS.ErrnoException;
  return /\b(?:https?|wss?):\//.test(path) ? `${code}: a URL, not shown since it may hold a key` : message;
}

function problemOf({ name, expected, bounds, secret }: Setting, value: string): Problem | undefined {
  const found =
    secret || value.includes("://") ? "something else (not shown: it may hold a key)" : JSON.stringify(value);
  if (bounds !== undefined) {
    const [min, max] = bounds;
    const number = Number(value);
    if (Number.isInteger(number) && number >= min && number <= max && value.trim() !== "") return undefined;
    return { field: name, expected: `${expected}, a whole number from ${min} to ${max}`, found };
  }
  const right =
    name === "RPC_URL" || name === "RPC_URLS"
      ? endpointsOf(undefined, value).every(({ url }) => isHttp(url)) && (name === "RPC_URLS" || isHttp(value))
      : name === "RPC_WS_URL"
        ? URL.canParse(value) && ["ws:", "wss:"].includes(new URL(value).protocol)
        : name === "LOG_LEVEL"
          ? LOG_LEVELS.includes(value)
          : name.endsWith("_URL")
            ? isHttp(value)
            : value !== "";
  return right ? undefined : { field: name, expected, found };
}
