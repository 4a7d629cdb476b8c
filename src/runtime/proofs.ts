import { checksummed } from "../core/keccak.ts";
import type { EpochResult } from "../core/rewards/epoch-record.ts";
import { distributionOf } from "../distribution/distribution.ts";
import { intact } from "../ledger/epochs.ts";
import type { Store } from "../store/store.ts";
import { sha256 } from "./platform.ts";

interface Tree {
  readonly head: object;
  readonly claims: Readonly<Record<string, { readonly amount: string; readonly proof: readonly string[] }>>;
}

const TREES_MAX = 8;

/** Proofs of final epochs, from the very files that `rewards export` writes; a few trees are kept. */
export class Proofs {
  readonly #store: Store;
  readonly #trees = new Map<string, readonly Tree[]>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** A provider's amount and proof of every reward token that pays it something. */
  of(epoch: number, provider: string, cumulative: boolean): readonly object[] {
    const name = checksummed(provider);
    return this.#treesOf(epoch, cumulative).flatMap(({ head, claims }) => {
      const claim = claims[name];
      return claim === undefined ? [] : [{ ...head, provider: name, ...claim }];
    });
  }

  #treesOf(epoch: number, cumulative: boolean): readonly Tree[] {
    const stored = this.#store.rewards
      .epochs()
      .filter(({ record, state }) => state === "final" && record.epoch <= epoch);
    const chosen = cumulative ? stored : stored.slice(-1);
    const key = `${cumulative} ${chosen.map(({ resultHash }) => resultHash).join(" ")}`;
    const known = this.#trees.get(key);
    if (known !== undefined) return known;
    const results = chosen.map((each) => intact(this.#store, sha256, each));
    const trees = treesOf(results, cumulative);
    if (this.#trees.size >= TREES_MAX) this.#trees.clear();
    this.#trees.set(key, trees);
    return trees;
  }
}

function treesOf(results: readonly EpochResult[], cumulative: boolean): readonly Tree[] {
  const tokens = new Map(results.flatMap(({ record }) => record.tokens).map((token) => [token.address, token]));
  return [...tokens.values()].flatMap((token): readonly Tree[] => {
    const { files } = distributionOf(token, results, { formats: ["merkle"], cumulative, reason: "" });
    const text = files.find(({ name }) => name.endsWith(".proofs.json"))?.text;
    if (text === undefined) return [];
    const { claims, ...head } = JSON.parse(text) as Tree & { readonly root: string };
    return [{ head, claims }];
  });
}
