import type { TickRange } from "../amm/ticks.ts";
import type { Address } from "../hex.ts";

/** A balance that holds from `atSec` on; of several in one second the last wins. */
export interface BalanceChange {
  readonly atSec: number;
  readonly balance: bigint;
}

/** One account during a window: what it had at the start, and each change within, in ledger order. */
export interface Holding {
  readonly provider: Address;
  readonly via: string;
  readonly range: TickRange | null;
  readonly opening: bigint;
  readonly changes: readonly BalanceChange[];
}

/** Half-open seconds. */
export interface Window {
  readonly startSec: number;
  readonly endSec: number;
}

/** A stretch of time with one balance. */
export interface Stretch extends Window {
  readonly balance: bigint;
}

/** The stretches of a holding in a window; those of no duration or no balance are left out. */
export function stretchesOf(holding: Holding, window: Window): readonly Stretch[] {
  let { startSec } = window;
  let balance = holding.opening;
  if (holding.changes.length === 0) return balance !== 0n ? [{ startSec, endSec: window.endSec, balance }] : [];
  const stretches: Stretch[] = [];
  for (const change of holding.changes) {
    startSec = addStretch(stretches, startSec, change.atSec, balance);
    balance = change.balance;
  }
  addStretch(stretches, startSec, window.endSec, balance);
  return stretches;
}

/** @returns where it ends, and the next one begins. */
function addStretch(stretches: Stretch[], startSec: number, endSec: number, balance: bigint): number {
  if (endSec <= startSec) return startSec;
  if (balance !== 0n) stretches.push({ startSec, endSec, balance });
  return endSec;
}

/** The exact integral of a holding's balance over time, in balance x seconds. */
export function integralOf(stretches: readonly Stretch[]): bigint {
  let sum = 0n;
  for (const { balance, startSec, endSec } of stretches) sum += balance * BigInt(endSec - startSec);
  return sum;
}

const byFirst = (a: readonly number[], b: readonly number[]): number => (a[0] ?? 0) - (b[0] ?? 0);

/** Merges half-open intervals [a, b) of numbers into disjoint ascending ones. */
export function unionOf(intervals: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  if (intervals.length < 2) return intervals;
  const merged: [number, number][] = [];
  for (const [from, to] of [...intervals].sort(byFirst)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
