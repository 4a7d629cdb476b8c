import type { Database } from "better-sqlite3";

/** The settings and global state the ledger keeps, by key. */
export interface ConfigValues {
  /** Told apart by it are the backups of several ledgers in one folder; a restored backup keeps it. */
  readonly ledger_id: string;
  readonly chain: { readonly chainId: number; readonly genesisHash: string };
  /** The parts of the programme file that history rests on, as canonical JSON values. */
  readonly programme: unknown;
  readonly programme_hash: string;
  /** The block before the ledger's first. */
  readonly anchor: { readonly number: number; readonly hash: string };
  readonly last_processed_block: number;
  readonly final_block: number;
  /** Hash of the final block: what tells a fork below it from one above. */
  readonly final_hash: string;
  /** Up to this block everything was read twice, and compared. Only an accepted fork below `final` moves it back. */
  readonly settled_block: number;
  /** The block after which settling began: the anchor, or the tip of a ledger that is older than settling. */
  readonly settled_from: number;
  /** Up to this block no contents were kept: pools were added since, and a second reading has nothing to compare. */
  readonly contents_from: number;
  /**
   * The last closed day when the history of pools or feeds began to be fetched: days after it are closed without them
   * until it is in.
   */
  readonly adding_after: string;
  /** Which endpoint read what is not settled yet: each from its block on, ascending. */
  readonly read_by: readonly { readonly from: number; readonly by: string }[];
  /** Where `final` came from: the node's tag, or a depth of our own. */
  readonly finality_source: "tag" | "depth";
  /** How each endpoint does, and the limits it taught; written now and then by the daemon. */
  readonly endpoints: readonly {
    readonly id: string;
    /** Tells its URL apart from others; absent in what older versions wrote. */
    readonly origin?: string;
    readonly used: boolean;
    readonly healthy: boolean;
    readonly head: number | null;
    readonly perSecond: number | null;
    readonly blocksMax: number | null;
    /** Of requests and filters; absent in what older versions wrote. */
    readonly batchMax?: number | null;
    readonly alone?: readonly string[];
    readonly addressesMax?: number | null;
    readonly topicsMax?: number | null;
    readonly needsAddress?: boolean;
    /** The newest block whose state it no longer had. */
    readonly stateLackedTo?: number | null;
    /** Whether its headers hash to what they name; null while none was read. */
    readonly headers?: "authentic" | "unauthenticated" | null;
    readonly lastError: string | null;
  }[];
  /** Since when no node answers, and what the last one said; null while one does. */
  readonly silent: { readonly since: string; readonly why: string } | null;
  /** Why the ledger stopped, while it is stopped. */
  readonly halted: { readonly code: string; readonly message: string } | null;
}

/** Reads and writes `program_config`; SQLite's page cache is the only cache, so a value is never stale. */
export class ConfigTable {
  readonly #get;
  readonly #set;
  readonly #unset;
  readonly #all;

  constructor(db: Database) {
    this.#get = db.prepare<[string], string>("select value from program_config where key = ?").pluck();
    this.#set = db.prepare(`
      insert into program_config (key, value, updated_at)
      values (?, ?, ?)
      on conflict (key) do update
      set value = excluded.value, updated_at = excluded.updated_at
      where value <> excluded.value`);
    this.#unset = db.prepare<[string]>("delete from program_config where key = ?");
    this.#all = db.prepare<[], ConfigRow>(
      "select key, value, updated_at as updatedAt from program_config order by key",
    );
  }

  get<K extends keyof ConfigValues>(key: K): ConfigValues[K] | undefined {
    const text = this.#get.get(key);
    return text === undefined ? undefined : (JSON.parse(text) as ConfigValues[K]);
  }

  set<K extends keyof ConfigValues>(key: K, value: ConfigValues[K], nowIso: string): void {
    this.#set.run(key, JSON.stringify(value), nowIso);
  }

  unset(key: keyof ConfigValues): void {
    this.#unset.run(key);
  }

  /** An operator's setting, as the JSON value that is stored now; undefined where none is. */
  operator(key: string): unknown {
    const text = this.#get.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  setOperator(key: string, value: number, nowIso: string): void {
    this.#set.run(key, JSON.stringify(value), nowIso);
  }

  unsetOperator(key: string): void {
    this.#unset.run(key);
  }

  /** Every key with its JSON text. */
  all(): readonly ConfigRow[] {
    return this.#all.all();
  }
}

export interface ConfigRow {
  readonly key: string;
  readonly value: string;
  readonly updatedAt: string;
}
