import type { Address } from "../core/hex.ts";
import {
  type CanonicalProgramme,
  canonicalProgramme,
  type FollowedPool,
  rulesFrom,
  textual,
} from "../core/programme/canonical.ts";
import type { Programme } from "../core/programme/programme.ts";
import type { Rules } from "../core/programme/rules.ts";
import type { Store } from "../store/store.ts";
import { withDiscovered } from "./followed-pools.ts";

/** What final epochs were paid by must not change: their days, budgets and tokens, and everything streaks rest on. */
export function frozenProblems(store: Store, rules: Rules | null): readonly string[] {
  return store.rewards
    .epochs()
    .filter(({ state }) => state === "final")
    .flatMap(({ record }): readonly string[] => {
      const then = rulesFrom(record.rules);
      const name = `epoch ${record.epoch} is final, and`;
      if (rules?.rewards == null) return [`${name} the rewards are gone`];
      const { rewards } = rules;
      const epoch = rewards.epochs[record.epoch - 1];
      const days = `${record.first} to before ${record.end}`;
      const problems: string[] = [];
      const same = (what: string, was: unknown, now: unknown): void => {
        const [before, after] = [was, now].map((each) => JSON.stringify(textual({ each })));
        if (before !== after) problems.push(`${name} ${what} would no longer be those it was paid by`);
      };
      same("the tiers", then.tiers, rules.tiers);
      same("the programme's first day", then.schedule?.first, rules.schedule?.first);
      same("the weighting", then.rewards?.weighting, rewards.weighting);
      same("the pools that count", then.rewards?.discoveredPools, rewards.discoveredPools);
      same(`its days (${days})`, [record.first, record.end], [epoch?.first, epoch?.end]);
      for (const { address, chainId, decimals, budget } of record.tokens) {
        const i = rewards.tokens.findIndex((each) => each.address === address);
        const token = rewards.tokens[i];
        same(
          `the budget of ${address} (${budget} base units)`,
          [chainId, decimals, budget],
          [token?.chainId, token?.decimals, `${epoch?.budgets[i]}`],
        );
      }
      return problems;
    });
}

/**
 * Of pools whose part of the programme is another one than the ledger was built with, what final epochs paid them by
 * stays: their entries, their wrappers, and whose users are credited. A rebuild that follows puts it back.
 */
export function keepWhatChanges(store: Store, programme: Programme): void {
  const finalUntil = store.rewards.finalUntil();
  const stored = store.config.get("programme") as CanonicalProgramme | undefined;
  if (finalUntil === undefined || stored === undefined) return;
  const now = canonicalProgramme(programme);
  const partOf = ({ pools, wrappers = [], valuation }: CanonicalProgramme, pool: FollowedPool): string => {
    const own = wrappers.filter((each) =>
      typeof each["pool"] === "string" ? each["pool"] === pool.address : isManaged(pool, each["manager"]),
    );
    const excluded = (valuation.excluded ?? []).filter((each) => own.some(({ address }) => each.startsWith(address)));
    return JSON.stringify([pools.find(({ address }) => address === pool.address), own, excluded]);
  };
  const made = withDiscovered(store, programme).pools.filter(({ discovered }) => discovered !== null);
  for (const pool of [...stored.pools, ...made])
    if (partOf(stored, pool) !== partOf(now, pool)) store.keptDays.keep(pool.address as Address, undefined, finalUntil);
}

/** Whether a staker may hold position NFTs of a pool; of a programme with one manager it is not said which. */
function isManaged({ managers }: FollowedPool, manager: unknown): boolean {
  return typeof manager === "string" ? managers.includes(manager) : managers.length > 0;
}
