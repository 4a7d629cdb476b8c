import { shownAddress } from "../core/keccak.ts";
import type { EpochRecord } from "../core/rewards/epoch-record.ts";
import type { StoredEpoch } from "../store/rewards.ts";
import type { Store } from "../store/store.ts";
import { allShown, HttpProblem } from "./answer.ts";
import { pageOf, rewardCursor } from "./cursors.ts";

interface Page {
  readonly limit: number;
  readonly after: string | undefined;
}

export function epochsPage(store: Store, page: Page): { readonly data: unknown; readonly next: string | null } {
  const { data, next } = pageOf(store.rewards.epochs(), ({ record }) => [record.epoch], /^[1-9]\d{0,8}$/, page);
  return { data: data.map(epochAnswer), next };
}

/** One epoch with its rules, and to how many it gives of each token. */
export function epochOf(store: Store, n: number): object {
  const stored = storedEpoch(store, n);
  const { rules, tokens } = stored.record;
  const rewards = tokens.map(({ address }) => ({
    token: shownAddress(address),
    providers: store.rewards.countOf(n, address),
  }));
  return { ...epochAnswer(stored), rules: allShown(rules), rewards };
}

/** What an epoch gives, row by row, in order of its tokens and of providers. */
export function rewardsPage(
  store: Store,
  n: number,
  { token, limit, after }: Page & { readonly token: string | undefined },
): { readonly data: unknown; readonly next: string | null } {
  const { tokens } = storedEpoch(store, n).record;
  if (token !== undefined && !tokens.some(({ address }) => address === token))
    throw new HttpProblem(404, "Not found", `epoch ${n} gives nothing of ${shownAddress(token)}`);
  const asked = [...tokens.keys()].filter((i) => token === undefined || tokens[i]?.address === token);
  const begin = rewardCursor(after, new Set(asked));
  const rows: object[] = [];
  let next: string | null = null;
  for (const [i, { address }] of tokens.entries()) {
    if (i < begin.token || (token !== undefined && address !== token)) continue;
    const left = limit + 1 - rows.length;
    for (const row of store.rewards.pageOf(n, address, i === begin.token ? begin.provider : "", left)) {
      if (rows.length === limit) return { data: rows, next };
      rows.push({
        token: shownAddress(address),
        provider: shownAddress(row.provider),
        tier: row.tier,
        weight: `${row.weight}`,
        amount: `${row.amount}`,
        carriedIn: `${row.carriedIn}`,
        paid: `${row.paid}`,
      });
      next = `${i}.${row.provider}`;
    }
  }
  return { data: rows, next: null };
}

export function storedEpoch(store: Store, n: number): StoredEpoch {
  const stored = store.rewards.epoch(n);
  if (stored === undefined) throw new HttpProblem(404, "Not found", `epoch ${n} is not calculated`);
  return stored;
}

function epochAnswer({ record, state, resultHash }: StoredEpoch): object {
  const { rules: _, ...rest } = record satisfies EpochRecord;
  return { ...(allShown(rest) as object), state, resultHash };
}
