import { addressOf, type Draft } from "../support/logs.ts";

export const ZERO = addressOf(0);
export const ROUTER = addressOf(0xcc);
export const ACTORS = [1, 2, 3, 4, 5].map((i) => addressOf(0x1000 + i));

/** A small model of contracts: deeds in, logs out, exactly as the contracts emit them. */
export interface Model {
  /** The programme file's pools and wrappers. */
  programme(): object;
  /** One transaction of whatever comes to mind; never empty. */
  transaction(random: () => number): readonly Draft[];
  /** What the contracts themselves would say: "pool position provider[@wrapper]" and its liquidity. */
  positions(): ReadonlyMap<string, bigint>;
  /** The contracts as they are now, which a branch of the chain goes on with. */
  clone(): Model;
}

export function below(limit: number, random: () => number): number {
  return Math.floor(random() * limit);
}

export function pick<T>(from: readonly T[], random: () => number): T {
  const chosen = from[below(from.length, random)];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}
