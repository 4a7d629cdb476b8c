export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

export interface Setting {
  readonly name: string;
  readonly fallback: string | undefined;
  readonly expected: string;
  /** Only numbers have bounds. */
  readonly bounds?: readonly [number, number];
  readonly secret?: boolean;
  /** May also be kept in the ledger, as a number under its name in lower case. */
  readonly operator?: boolean;
}

/** Every variable lp-ledger reads; an env file may hold no other. */
export const SETTINGS: readonly Setting[] = [
  { name: "RPC_URL", fallback: undefined, expected: "an http:// or https:// URL of a node", secret: true },
  {
    name: "RPC_URLS",
    fallback: undefined,
    expected: "http:// or https:// URLs in order of preference, separated by spaces or commas, each maybe as id=URL",
    secret: true,
  },
  { name: "RPC_WS_URL", fallback: undefined, expected: "a ws:// or wss:// URL of a node", secret: true },
  { name: "DATABASE", fallback: "lp-ledger.sqlite", expected: "a path" },
  { name: "PROGRAMME", fallback: "config/programme.json", expected: "a path" },
  { name: "LOG_LEVEL", fallback: "info", expected: `one of ${LOG_LEVELS.join(", ")}` },
  { name: "POLL_INTERVAL_MS", fallback: "2000", expected: "milliseconds", bounds: [20, 600_000], operator: true },
  { name: "RPC_TIMEOUT_MS", fallback: "30000", expected: "milliseconds", bounds: [100, 600_000] },
  { name: "RPC_BODY_BYTES_MAX", fallback: "67108864", expected: "bytes", bounds: [65_536, 1_073_741_824] },
  { name: "RANGE_BLOCKS_MAX", fallback: "50000", expected: "blocks", bounds: [1, 10_000_000] },
  { name: "GIVE_UP_SECONDS", fallback: "600", expected: "seconds", bounds: [1, 86_400], operator: true },
  { name: "STALL_SECONDS", fallback: "300", expected: "seconds", bounds: [10, 86_400], operator: true },
  { name: "VERIFY_SAMPLE", fallback: "5", expected: "positions a minute", bounds: [0, 1_000], operator: true },
  { name: "CLOCK_DRIFT_SECONDS", fallback: "900", expected: "seconds", bounds: [1, 86_400] },
  { name: "SETTLING", fallback: "1", expected: "0 or 1", bounds: [0, 1] },
  { name: "QUARANTINE", fallback: "1", expected: "0 or 1", bounds: [0, 1] },
  { name: "COINGECKO_URL", fallback: "https://api.coingecko.com/api/v3", expected: "an http:// or https:// URL" },
  { name: "COINGECKO_API_KEY", fallback: undefined, expected: "a key", secret: true },
  { name: "DEFILLAMA_URL", fallback: "https://coins.llama.fi", expected: "an http:// or https:// URL" },
  { name: "HTTP_PORT", fallback: undefined, expected: "a port", bounds: [0, 65_535] },
  { name: "HTTP_HOST", fallback: "127.0.0.1", expected: "an address to listen on" },
  { name: "HTTP_TOKEN", fallback: undefined, expected: "a token", secret: true },
  { name: "HTTP_INSECURE_PUBLIC", fallback: "0", expected: "0 or 1", bounds: [0, 1] },
  { name: "HTTP_ALLOWED_HOSTS", fallback: "", expected: "host names, separated by spaces or commas" },
  {
    name: "HTTP_CORS_ORIGINS",
    fallback: "",
    expected: "origins like https://example.org, separated by spaces or commas",
  },
  { name: "READY_LAG_BLOCKS", fallback: "50", expected: "blocks", bounds: [0, 10_000_000] },
  { name: "READY_LAG_SECONDS", fallback: "600", expected: "seconds", bounds: [1, 31_536_000] },
  { name: "READY_QUARANTINES", fallback: "1", expected: "0 or 1", bounds: [0, 1] },
  { name: "ALLOW_UNSAFE_FILE_SYSTEM", fallback: "0", expected: "0 or 1", bounds: [0, 1] },
  { name: "BACKUP_DIR", fallback: undefined, expected: "a path" },
  { name: "BACKUP_INTERVAL_SECONDS", fallback: "86400", expected: "seconds", bounds: [0, 31_536_000], operator: true },
  { name: "BACKUP_KEEP", fallback: "10", expected: "backups", bounds: [1, 10_000], operator: true },
  { name: "BACKUP_MAX_AGE_DAYS", fallback: "365", expected: "days", bounds: [1, 36_500], operator: true },
];
