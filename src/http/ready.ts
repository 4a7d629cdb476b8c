import { statfsSync, statSync } from "node:fs";
import { DENIED } from "../core/identities.ts";
import { nameOf } from "../core/programme/quarantine.ts";
import type { Facts } from "../store/queries/status-query.ts";

/** When a ledger counts as not ready. */
export interface ReadyLimits {
  readonly lagBlocksMax: number;
  readonly lagSecondsMax: number;
  /** Whether it is ready though pools are in quarantine. */
  readonly withQuarantines: boolean;
  /** Without a commit while the head is ahead. */
  readonly stallSecondsMax: number;
  readonly diskBytesMin: number;
}

export interface Readiness {
  readonly ready: boolean;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly lagBlocks: number | null;
  readonly lagSeconds: number | null;
  readonly diskFreeBytes: number | null;
}

/** Newest head that any endpoint told, as far as the daemon wrote it down. */
export function headOf({ endpoints, tip }: Pick<Facts, "endpoints" | "tip">): number | null {
  const heads = endpoints.flatMap(({ head }) => (head === null ? [] : [head]));
  const newest = Math.max(-1, tip?.number ?? -1, ...heads);
  return newest < 0 ? null : newest;
}

/** Whether the ledger can be relied on right now, and what is wrong or worth knowing. */
export function readinessOf(facts: Facts, path: string, limits: ReadyLimits, nowMs: number): Readiness {
  const { tip, halted, silent, fileGone, findings, quarantines, unpricedDays } = facts;
  const head = headOf(facts);
  const lagBlocks = tip === null || head === null ? null : head - tip.number;
  const sinceMs = (iso: string): number => Math.max(0, nowMs - Date.parse(iso));
  const lagSeconds = tip === null ? null : Math.floor(sinceMs(tip.time) / 1000);
  const silentSeconds = tip === null ? null : Math.floor(sinceMs(tip.processedAt) / 1000);
  const diskFreeBytes = freeBytesOf(path);
  const problems: string[] = [];
  if (tip === null) problems.push("nothing was committed yet");
  if (halted !== null) problems.push(`halted: ${halted.message}`);
  if (silent !== null) problems.push(`nothing can be read of any node since ${silent.since}: ${silent.why}`);
  if (fileGone !== null) problems.push(fileGone);
  const denied = findings.filter(({ identity }) => identity === DENIED);
  if (findings.length > denied.length) problems.push(`${findings.length - denied.length} findings are open`);
  if (lagBlocks !== null && lagBlocks > limits.lagBlocksMax)
    problems.push(`${lagBlocks} blocks behind the head, at most ${limits.lagBlocksMax} are allowed`);
  if (lagSeconds !== null && lagSeconds > limits.lagSecondsMax)
    problems.push(`the tip is ${lagSeconds} s old, at most ${limits.lagSecondsMax} s are allowed`);
  if (silentSeconds !== null && silentSeconds > limits.stallSecondsMax && (lagBlocks ?? 0) > 0)
    problems.push(`nothing was committed for ${silentSeconds} s while the head is ahead`);
  if (diskFreeBytes !== null && diskFreeBytes < limits.diskBytesMin)
    problems.push(`only ${diskFreeBytes} bytes are free on the disk, ${limits.diskBytesMin} are needed`);
  const [day] = unpricedDays.slice(-1);
  const warnings = day === undefined ? [] : [`${unpricedDays.length} days are not priced, the last ${day}`];
  const ofPools = limits.withQuarantines ? warnings : problems;
  for (const { pool, blockNumber } of denied)
    ofPools.push(`pool ${pool}: its contracts deny at block ${blockNumber} what the ledger says`);
  for (const each of quarantines)
    ofPools.push(`${nameOf(each)} is in quarantine: ${each.finding.identity} did not hold`);
  return { ready: problems.length === 0, problems, warnings, lagBlocks, lagSeconds, diskFreeBytes };
}

function freeBytesOf(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** Bytes of a file; 0 where there is none. */
export function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
