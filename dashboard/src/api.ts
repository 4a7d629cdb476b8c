import { useEffect, useRef, useState } from "preact/hooks";

export interface Value {
  readonly units: string;
  readonly decimals: number;
}

export interface Quote {
  readonly symbol: string;
  readonly decimals: number;
}

export interface Block {
  readonly number: number;
  readonly hash: string;
  readonly time: string;
  readonly stateDigest: string;
  readonly final: number | null;
  readonly settled: number | null;
}

export interface Answer<T> {
  readonly block: Block | null;
  readonly quote: Quote;
  readonly data: T;
  readonly next?: string | null;
}

export interface Status {
  readonly chainId: number | null;
  readonly tip: {
    readonly number: number;
    readonly hash: string;
    readonly time: string;
    readonly processedAt: string;
  } | null;
  readonly final: number | null;
  readonly settled: number | null;
  readonly repairs: { readonly count: number; readonly lastBlock: number | null };
  readonly events: number;
  readonly openPositions: number;
  readonly providers: number;
  readonly reorgs: number;
  readonly daysClosed: number;
  readonly lastReorg: { readonly commonBlock: number; readonly depth: number; readonly observedAt: string } | null;
  readonly halted: { readonly code: string; readonly message: string } | null;
  readonly silent: { readonly since: string; readonly why: string } | null;
  readonly endpoints: readonly {
    readonly id: string;
    readonly used: boolean;
    readonly healthy: boolean;
    readonly head: number | null;
    readonly lastError: string | null;
  }[];
  readonly findings: readonly Finding[];
  readonly quarantines: readonly {
    readonly pool: string;
    readonly wrapper: string | null;
    readonly firstDay: string;
    readonly finding: Finding;
  }[];
  readonly unpricedDays: readonly string[];
  readonly totals: { readonly unpricedDays: number };
}

export interface Finding {
  readonly identity: string;
  readonly pool: string;
  readonly blockNumber: number;
  readonly logIndex: number;
  readonly expected: string;
  readonly actual: string;
  readonly resolution?: string | null;
}

export interface Stats {
  readonly providers: number;
  readonly unpriced: number;
  readonly totalLiquidity: Value;
  readonly weightedLiquidity: Value;
  readonly tiers: readonly {
    readonly tier: number | null;
    readonly multiplierBp: number | null;
    readonly providers: number;
    readonly totalLiquidity: Value;
  }[];
}

export interface Pool {
  readonly pool: string;
  readonly protocol: string;
  readonly tokens: readonly { readonly address: string; readonly symbol: string }[];
  readonly tick: number | null;
}

export interface DayTotal {
  readonly date: string;
  readonly pool: string;
  readonly providers: number;
  readonly value: Value | null;
}

export interface Ranked {
  readonly provider: string;
  readonly totalLiquidity: Value | null;
  readonly tier: number | null;
  readonly firstSeen: string;
}

export interface Provider {
  readonly provider: string;
  readonly totalLiquidity: Value | null;
  readonly weightedLiquidity: Value | null;
  readonly firstSeen: string;
  readonly lastUpdated: string;
  readonly tier: {
    readonly tier: number | null;
    readonly multiplierBp: number | null;
    readonly streakDays: number | null;
    readonly changes: readonly { readonly date: string; readonly tier: number | null }[];
    readonly next: {
      readonly tier: number;
      readonly daysLeft: number;
      readonly value: Value;
      readonly multiplierBp: number;
    } | null;
  };
  readonly positions: readonly Position[];
  readonly days: readonly { readonly date: string; readonly value: Value | null }[];
  readonly rewards: readonly {
    readonly epoch: number;
    readonly state: string;
    readonly token: string;
    readonly amount: string;
    readonly paid: string;
    readonly tier: number;
  }[];
}

export interface Position {
  readonly pool: string;
  readonly position: string | null;
  readonly tickLower: number | null;
  readonly tickUpper: number | null;
  readonly liquidity: string;
  readonly via: string | null;
  /** False where that wrapper is excluded: it counts for nobody. */
  readonly credited: boolean;
  readonly tick: number | null;
  readonly inRange: boolean | null;
}

export interface TokenSums {
  readonly address: string;
  readonly symbol: string;
  readonly decimals: number;
  readonly budget: string;
  readonly allocated: string;
  readonly paid: string;
  readonly carriedOut: string;
  readonly left: string;
  readonly leftGoes: string;
}

export interface Epoch {
  readonly epoch: number;
  readonly first: string;
  readonly end: string;
  readonly state: string;
  readonly blockNumber: number;
  readonly resultHash: string;
  readonly totalWeight: string;
  readonly tokens: readonly TokenSums[];
}

export interface EpochWhole extends Epoch {
  readonly rewards: readonly { readonly token: string; readonly providers: number }[];
}

/** What an epoch gives a provider of one token. */
export interface RewardRow {
  readonly provider: string;
  readonly tier: number;
  readonly weight: string;
  readonly amount: string;
  readonly paid: string;
}

const TOKEN_KEY = "lp-ledger-token";

/** Nobody is asked twice for a token that they do not have. */
let refused = false;
const RETRIES_MAX = 5;

/** Asks the API, again where it is asked by too many at once; a token that it needs is kept for this tab. */
export async function ask<T>(path: string, attempt = 0): Promise<T> {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const response = await fetch(path, token === null ? {} : { headers: { authorization: `Bearer ${token}` } });
  if (response.status === 401 && sessionStorage.getItem(TOKEN_KEY) !== token) return ask(path, attempt); // Given meanwhile.
  if (response.status === 401 && !refused) {
    // A prompt holds everything up, so all who wait find its answer.
    const given = prompt("This ledger asks for a token:");
    refused = given === null || given === "";
    if (!refused) {
      sessionStorage.setItem(TOKEN_KEY, given ?? "");
      return ask(path, attempt);
    }
  }
  if (response.status === 503 && attempt < RETRIES_MAX) {
    await later(500 + Math.random() * 1_500);
    return ask(path, attempt + 1);
  }
  const body = (await response.json()) as { readonly detail?: string };
  if (!response.ok) throw new Error(body.detail ?? `the ledger answered with status ${response.status}`);
  return body as T;
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export interface Loaded<T> {
  readonly answer: Answer<T> | undefined;
  readonly error: string | undefined;
}

/** An answer that is asked for again whenever `pulse` changes; what was there stays until the next one is. */
export function useAnswer<T>(path: string, pulse: number): Loaded<T> {
  const [loaded, set] = useState<Loaded<T> & { readonly path: string }>({ answer: undefined, error: undefined, path });
  const latest = useRef(0);
  useEffect(() => {
    latest.current += 1;
    const mine = latest.current;
    ask<Answer<T>>(path).then(
      (answer) => mine === latest.current && set({ answer, error: undefined, path }),
      (error: Error) =>
        mine === latest.current &&
        set((before) => ({ answer: before.path === path ? before.answer : undefined, error: error.message, path })),
    );
  }, [path, pulse]);
  return loaded.path === path ? loaded : { answer: undefined, error: undefined };
}

export interface Pages<T> {
  readonly first: Loaded<readonly T[]>;
  /** The first page as it is now, with what was loaded behind it. */
  rows(first: readonly T[]): readonly T[];
  /** Loads the next page; undefined where there is none. */
  readonly more: (() => void) | undefined;
}

/** A list page by page: the first is kept fresh, the others come when they are asked for. `keyOf` tells rows apart. */
export function usePages<T>(path: string, pulse: number, keyOf: (row: T) => string): Pages<T> {
  const first = useAnswer<readonly T[]>(path, pulse);
  const [loaded, set] = useState<{
    readonly path: string;
    readonly rows: readonly T[];
    readonly next: string | null;
  }>();
  const current = useRef(path);
  current.current = path;
  const mine = loaded?.path === path ? loaded : undefined;
  const after = mine === undefined ? first.answer?.next : mine.next;
  const load = (): void => {
    ask<Answer<readonly T[]>>(`${path}${path.includes("?") ? "&" : "?"}after=${encodeURIComponent(after ?? "")}`).then(
      ({ data, next }) => {
        if (path !== current.current) return; // Something else is looked at by now.
        set({ path, rows: [...(mine?.rows ?? []), ...data], next: next ?? null });
      },
      () => {}, // The button stays; the page says itself when the ledger does not answer.
    );
  };
  return {
    first,
    rows: (fresh) => {
      const known = new Set(fresh.map(keyOf));
      return [...fresh, ...(mine?.rows ?? []).filter((row) => !known.has(keyOf(row)))];
    },
    more: after === null || after === undefined ? undefined : load,
  };
}

export interface Live {
  /** Counts what the ledger told. */
  readonly pulse: number;
  readonly connected: boolean;
  /** The newest reorg that was told while the page was open. */
  readonly reorg: string | undefined;
}

const POLL_MS = 5_000;

/** Follows the ledger: by its stream of events, and by asking now and then where there is none. */
export function useLive(): Live {
  const [live, set] = useState<Live>({ pulse: 0, connected: true, reorg: undefined });
  useEffect(() => {
    const source = new EventSource("/v1/live");
    const bump = (more: Partial<Live>): void =>
      set((before) => ({ ...before, connected: true, pulse: before.pulse + 1, ...more }));
    source.addEventListener("hello", () => bump({}));
    // Everybody hears of a commit at once; not everybody asks at once.
    const soon = (): void => void later(Math.random() * 700).then(() => bump({}));
    for (const event of ["commit", "day"]) source.addEventListener(event, soon);
    source.addEventListener("reorg", (event) => {
      const { block } = JSON.parse((event as MessageEvent<string>).data) as { readonly block: Block | null };
      bump({ reorg: `The chain was reorganised; the ledger followed and stands at block ${block?.number ?? "?"}.` });
    });
    source.addEventListener("error", () => set((before) => ({ ...before, connected: false })));
    const poll = setInterval(() => {
      if (source.readyState === EventSource.OPEN) return;
      fetch("/health").then(
        () => bump({}),
        () => set((before) => ({ ...before, connected: false, pulse: before.pulse + 1 })),
      );
    }, POLL_MS);
    return () => {
      clearInterval(poll);
      source.close();
    };
  }, []);
  return live;
}
