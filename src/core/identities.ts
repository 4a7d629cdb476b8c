/** What somebody must know of an identity that did not hold. */
export interface IdentityFacts {
  /** What holds. */
  readonly says: string;
  /** Who can break it besides a node that leaves a log out, doubles or changes it, and what that costs. */
  readonly breaker: string;
  /** What goes on no more; of epochs, those in which the pool counts become final no more. */
  readonly stops: "pool" | "wrapper" | "epochs" | "nothing";
  /** What ends it where the logs are complete and will always say so; null where only another history does. */
  readonly caveat: string | null;
}

const NODE = "nobody: a log is missing, doubled or changed, or the pool's entry is wrong";
const TOKEN =
  "whoever makes one of the pool's tokens, in a transfer of it that the pool makes (with the token and a pair of its own 3.6 million gas)";
const RUNNER = "whoever runs the wrapper, with one log (24,000 gas)";

const facts = (
  says: string,
  breaker: string,
  caveat: string | null = null,
  stops: IdentityFacts["stops"] = "pool",
): IdentityFacts => ({ says, breaker, stops, caveat });

/** What contracts answer is not what the ledger says. */
export const DENIED = "VERIFY";

/** Every identity of the self-audit, in the order of `docs/identities.md`. */
// biome-ignore format: a table, one identity a line
export const IDENTITIES: ReadonlyMap<string, IdentityFacts> = new Map([
  ["L-1", facts("a log of a known topic is one that a contract of its kind emits", "whoever makes the contract: it is of another kind than its entry says")],
  ["V2-1", facts("all holders together have the supply, and nobody gives up more than it has", "whoever makes the pair otherwise than its factory does (a migrator)", "no-locked-minimum")],
  ["V2-2", facts("reserves move by what Mint and Swap say", `${TOKEN}: it takes a fee, or sends the pair some in the callback`, "fee-on-transfer")],
  ["V2-3", facts("a Mint issues what its amounts buy", NODE)],
  ["V2-4", facts("a Burn pays its part of the reserves", `${TOKEN}: it takes a fee, or sends the pair some in the callback`, "fee-on-transfer")],
  ["V2-5", facts("what is issued beside a Mint or Burn is the protocol's part of the growth", "a fork with another fee", "other-protocol-fee")],
  ["V3-1", facts("a Swap sees the liquidity of the positions in range", NODE)],
  ["V3-2", facts("no position goes below zero", NODE)],
  ["V3-3", facts("amounts follow from liquidity and price", NODE)],
  ["V3-4", facts("the price is at the tick", NODE)],
  ["V3-5", facts("what a manager does to its own range, its log names a token for", "whoever deploys a manager that logs in another order: only pools that name it")],
  ["V3-8", facts("no more leaves the pool than came in", `${TOKEN}: balances change without logs of the pool`, "rebasing-token")],
  ["V3-9", facts("a position token has one owner and is burned empty", NODE)],
  ["V4-1", facts("a Swap sees the liquidity of the positions in range", NODE)],
  ["V4-2", facts("no position goes below zero", NODE)],
  ["V4-3", facts("a pool's first log is Initialize", NODE)],
  ["V4-4", facts("the price is at the tick", NODE)],
  ["V4-7", facts("a position token has one pool and range and is burned empty", NODE)],
  ["V4-8", facts("the id is the hash of the pool's key, whose hook keeps nothing for itself", "nobody: the pool's entry is wrong, or its hook is known to hold value", "hook-holds-value")],
  ["C1", facts("the pool's logs say the supply of its transfers", NODE)],
  ["C2", facts("shares that are issued or redeemed are reported by a log of the pool", `${NODE}; a transfer of nothing while an old pool pays (94,000 gas) breaks nothing: a burn waits for the pool's log`)],
  ["C3", facts("all holders together have the supply, and nobody gives up more than it has", NODE)],
  ["C4", facts("an imbalanced change's shares follow from the invariant", NODE)],
  ["C5", facts("the value of a share does not fall", `${TOKEN}, or its rate oracle: the rate falls`, "share-value-may-fall")],
  ["S-1", facts("a vault's deposits and withdrawals are its transfers", "whoever makes the vault: it issues shares at another time or address", "other-share-flow")],
  ["W-1", facts("a wrapper holds what its users claim", `${RUNNER}: a claim on shares that nobody sent, also where users are not credited; a deposit fee; a staking contract that is insolvent`, null, "wrapper")],
  ["D-1", facts("all accounts together held no more in a day than the pool's logs leave in it", `${TOKEN}: balances change without logs of the pool`, "rebasing-token")],
  ["D-2", facts("what all accounts held in a day is what the pool's own figures say", NODE)],
  ["R-1", facts("a final epoch, calculated again, is what was paid", "nobody: a repair beneath it", null, "nothing")],
  [DENIED, facts("contracts answer what the ledger says", `${NODE}; or whoever makes the contract: its views deny its logs`, null, "epochs")],
]);

/** What ends a finding, as its message and `audit show` tell it. */
export function wayOutOf(identity: string, pool: string, wrapper?: string): readonly string[] {
  const { caveat, stops } = IDENTITIES.get(identity) ?? { caveat: null, stops: "pool" };
  const explained = `lp-ledger audit resolve --block BLOCK --identity ${identity} REASON, once it is explained`;
  if (stops === "nothing") return [explained];
  return [
    ...(stops === "epochs" ? [explained] : []),
    ...(caveat === null
      ? []
      : [
          `where the contract is of that kind, name the caveat ${caveat} in the pool's entry and run lp-ledger audit resolve: it goes on by its kept logs`,
        ]),
    `lp-ledger pool refetch ${pool}: its history again, where a log was lost or its entry has to be another one`,
    ...(wrapper === undefined
      ? [`lp-ledger pool drop ${pool}: without it from now on`]
      : [
          `"exclude": true in the entry of the wrapper ${wrapper} and lp-ledger rebuild: nobody is credited for what it holds, and nothing waits for it`,
          `lp-ledger wrapper drop ${wrapper}: the pool without that wrapper, its history again`,
        ]),
  ];
}
