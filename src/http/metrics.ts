import { Counter, Gauge, Registry } from "prom-client";
import { type Counts, deepestReorg, lastBackup } from "../store/queries/positions.ts";
import { factsOf } from "../store/queries/status-query.ts";
import type { Store } from "../store/store.ts";
import { bytesOf, headOf, type ReadyLimits, readinessOf } from "./ready.ts";

/** What only the daemon's own thread knows, by endpoint; told to the HTTP thread now and then. */
export interface DaemonCounters {
  readonly endpoints: readonly {
    readonly id: string;
    readonly requests: number;
    readonly failures: number;
    readonly seconds: number;
  }[];
  readonly switches: number;
  readonly commits: number;
  readonly commitSeconds: number;
}

/** Every metric with its help; the names are stable. */
export const METRICS: Readonly<Record<string, string>> = {
  lp_ledger_head_block: "newest head that any endpoint told",
  lp_ledger_processed_block: "the ledger's tip",
  lp_ledger_final_block: "newest block that can no longer be reorganised",
  lp_ledger_settled_block: "up to here every block was read twice and compared",
  lp_ledger_lag_blocks: "blocks between head and tip",
  lp_ledger_lag_seconds: "age of the tip's block",
  lp_ledger_ready: "1 where /ready answers 200",
  lp_ledger_halted: "1 where the ledger stopped itself",
  lp_ledger_findings_open: "identities that did not hold and are not explained, of pools that are not in quarantine",
  lp_ledger_quarantines:
    "pools and wrappers of which nothing counts any more, since an identity of theirs did not hold",
  lp_ledger_reorgs_total: "reorgs undone",
  lp_ledger_reorg_depth_max: "blocks of the deepest reorg undone",
  lp_ledger_repairs_total: "blocks a second reading repaired",
  lp_ledger_events_total: "events in the ledger",
  lp_ledger_positions_open: "open positions",
  lp_ledger_providers: "providers seen",
  lp_ledger_days_closed: "days closed",
  lp_ledger_days_unpriced: "closed days that lack a price",
  lp_ledger_epochs_final: "reward epochs made final",
  lp_ledger_database_bytes: "size of the database file",
  lp_ledger_wal_bytes: "size of the write-ahead log",
  lp_ledger_disk_free_bytes: "free bytes on the database's disk",
  lp_ledger_backup_age_seconds: "since the last backup that was made and verified",
  lp_ledger_endpoint_up: "1 where an endpoint does well",
  lp_ledger_endpoint_used: "1 for the endpoint in use",
  lp_ledger_endpoint_head_block: "head of an endpoint",
  lp_ledger_endpoint_range_blocks: "most blocks an endpoint answers in a range",
  lp_ledger_rpc_requests_total: "requests to an endpoint since the daemon started",
  lp_ledger_rpc_failures_total: "failed requests to an endpoint since the daemon started",
  lp_ledger_rpc_seconds_total: "time spent waiting for an endpoint since the daemon started",
  lp_ledger_endpoint_switches_total: "changes of the endpoint in use since the daemon started",
  lp_ledger_commits_total: "batches committed since the daemon started",
  lp_ledger_commit_seconds_total: "time spent committing since the daemon started",
  lp_ledger_http_requests_total: "requests answered by this thread",
  lp_ledger_http_refused_total: "requests refused because too many were in flight",
};

export interface MetricsSource {
  readonly store: Store;
  readonly counts: Counts;
  readonly limits: ReadyLimits;
  readonly nowMs: number;
  readonly counters: DaemonCounters | undefined;
  readonly http: { readonly requests: number; readonly refused: number };
}

/** All metrics, to be written in Prometheus' text format; the caller holds a snapshot. */
export function metricsOf({ store, counts, limits, nowMs, counters, http }: MetricsSource): Registry {
  const facts = factsOf(store, counts);
  const readiness = readinessOf(facts, store.db.name, limits, nowMs);
  const backup = lastBackup(store.db);
  const values: Readonly<Record<string, number | null | undefined>> = {
    head_block: headOf(facts),
    processed_block: facts.tip?.number,
    final_block: facts.final,
    settled_block: facts.settled,
    lag_blocks: readiness.lagBlocks,
    lag_seconds: readiness.lagSeconds,
    ready: readiness.ready ? 1 : 0,
    halted: facts.halted === null ? 0 : 1,
    findings_open: facts.findings.length,
    quarantines: facts.quarantines.length,
    reorgs_total: facts.reorgs,
    reorg_depth_max: deepestReorg(store.db),
    repairs_total: facts.repairs.count,
    events_total: facts.events,
    positions_open: facts.openPositions,
    providers: facts.providers,
    days_closed: facts.daysClosed,
    days_unpriced: facts.unpricedDays.length,
    epochs_final: facts.epochs.filter(({ state }) => state === "final").length,
    database_bytes: bytesOf(store.db.name),
    wal_bytes: bytesOf(`${store.db.name}-wal`),
    disk_free_bytes: readiness.diskFreeBytes,
    backup_age_seconds: backup === undefined ? null : Math.max(0, (nowMs - Date.parse(backup)) / 1000),
    endpoint_switches_total: counters?.switches,
    commits_total: counters?.commits,
    commit_seconds_total: counters?.commitSeconds,
    http_requests_total: http.requests,
    http_refused_total: http.refused,
  };
  const registry = new Registry();
  const known = new Map<string, Gauge | Counter>();
  // Only what has a value: what is not known would read as zero.
  const put = (short: string, value: number, labels: Readonly<Record<string, string>> = {}): void => {
    const name = `lp_ledger_${short}`;
    const options = { name, help: METRICS[name] ?? name, labelNames: Object.keys(labels), registers: [registry] };
    const metric = known.get(name) ?? (name.endsWith("_total") ? new Counter(options) : new Gauge(options));
    known.set(name, metric);
    metric.inc(labels, value); // Each is new, so that what is added is what it is.
  };
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined) put(name, value);
  const perEndpoint = (name: string, endpoint: string, value: number | null): void => {
    if (value !== null) put(name, value, { endpoint });
  };
  for (const { id, used, healthy, head, blocksMax } of facts.endpoints) {
    perEndpoint("endpoint_up", id, healthy ? 1 : 0);
    perEndpoint("endpoint_used", id, used ? 1 : 0);
    perEndpoint("endpoint_head_block", id, head);
    perEndpoint("endpoint_range_blocks", id, blocksMax);
  }
  for (const { id, requests, failures, seconds } of counters?.endpoints ?? []) {
    perEndpoint("rpc_requests_total", id, requests);
    perEndpoint("rpc_failures_total", id, failures);
    perEndpoint("rpc_seconds_total", id, seconds);
  }
  return registry;
}
