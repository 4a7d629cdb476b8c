import { type ContractCall, questionText } from "../core/amm/contract-call.ts";
import { protocolOf } from "../core/decode/protocols.ts";
import { type Address, ZERO_ADDRESS } from "../core/hex.ts";
import type { Pool, Programme } from "../core/programme/programme.ts";
import type { HeldAccount } from "../store/queries/positions.ts";
import type { Store } from "../store/store.ts";

/** What the ledger says, and whom it asks. */
export interface Expectation {
  readonly question: ContractCall;
  readonly expected: string;
  /** The chain may have more: what was given to the pool, or earned in fees, is in no log. */
  readonly atLeast?: true;
  /** The position the question is about; null where it is about more than one. */
  readonly subject: string | null;
}

/** Everything that can be asked about a pool's accounts as they were at the end of a block. */
export function expectationsOf(
  store: Store,
  pool: Pool,
  accounts: readonly HeldAccount[],
  at: number,
  stakers: Stakers,
): readonly Expectation[] {
  const holders = accounts.filter((account) => account.kind === "holder");
  if (pool.shareToken !== null) {
    const issuance = accounts.find((account) => account.kind === "issuance")?.balance ?? 0n;
    // A transfer to the zero address is a burn where nothing else of the pool says what it is.
    const kind = protocolOf(pool).burnsAtZero === true ? "shares-held" : "share-supply";
    const question = { kind, token: pool.shareToken } as const;
    return [
      { question, expected: `${-issuance}`, subject: null },
      ...shareExpectations(pool, pool.shareToken, holders),
    ];
  }
  const state = store.states.atOrBelow(pool.address, at);
  const active = `${state?.kind === "ticks" ? state.liquidity : 0n}`;
  if (pool.salted) {
    const question = { kind: "singleton-active" as const, poolManager: singletonOf(pool), pool: pool.address };
    return [
      { question, expected: active, subject: null },
      ...holders.filter(({ tokenId }) => tokenId === null).flatMap((each) => saltedExpectations(pool, each)),
      ...tokenExpectations(pool, holders, stakers),
    ];
  }
  const amounts = state?.kind === "ticks" ? (state.amounts ?? []) : [];
  return [
    { question: { kind: "active-liquidity", pool: pool.address }, expected: active, subject: null },
    // V3-7: what the pool's logs brought in is there.
    ...pool.tokens.flatMap(({ address: token }, i): readonly Expectation[] => {
      const question = { kind: "balance" as const, token, holder: pool.address };
      return amounts[i] === undefined ? [] : [{ question, expected: `${amounts[i]}`, atLeast: true, subject: null }];
    }),
    ...owedExpectations(store, pool, at),
    ...rangeExpectations(pool, holders),
    ...tokenExpectations(pool, holders, stakers),
    ...placeExpectations(pool, holders),
  ];
}

/** What a pool answers as a whole of which the ledger has no log: that it has nothing, and no price either. */
export function expectationsOfSilent(store: Store, pool: Pool, at: number): readonly Expectation[] {
  const [whole] = expectationsOf(store, pool, [], at, new Map());
  if (whole === undefined) return [];
  const isTicks = pool.shareToken === null && !pool.salted;
  const price = { question: { kind: "pool-price" as const, pool: pool.address }, expected: "0", subject: null };
  return isTicks ? [whole, price] : [whole];
}

/** What can be asked about one account alone; what several accounts answer together is left to a whole verification. */
export function expectationsOfOne(pool: Pool, account: HeldAccount, stakers: Stakers): readonly Expectation[] {
  if (account.tokenId !== null) return tokenExpectations(pool, [account], stakers);
  if (account.via || pool.wrapperHomes.includes(account.provider)) return [];
  if (pool.shareToken !== null) return shareExpectations(pool, pool.shareToken, [account]);
  if (pool.salted) return saltedExpectations(pool, account);
  return pool.managers.includes(account.custodian) ? [] : rangeExpectations(pool, [account]);
}

/** Shares by who has custody: a wrapper holds its own and those its users claim. */
function shareExpectations(pool: Pool, token: Address, holders: readonly HeldAccount[]): readonly Expectation[] {
  return summed(holders, (each) => innermost(pool, each)).map(({ key, sum }) => ({
    question: { kind: "shares", token, holder: key as Address },
    expected: `${sum}`,
    subject: `${pool.address} ${key}`,
  }));
}

/** Who the pool's own token says holds what a user claims: the wrapper that is inside no other. */
function innermost(pool: Pool, { provider, via = "" }: HeldAccount): string {
  let holder = via === "" ? provider : via;
  for (const home of pool.wrapperHomes) {
    // A wrapper's own account says into which other one it puts its shares.
    const [outer, inner] = home.split("@");
    if (outer === holder && inner !== undefined) holder = inner as Address;
  }
  return holder;
}

/** The pool's own view: one sum per owner and range; position NFTs are held by their manager. */
function rangeExpectations(pool: Pool, holders: readonly HeldAccount[]): readonly Expectation[] {
  const sums = new Map<string, { question: ContractCall; sum: bigint; subject: string | null }>();
  for (const { custodian: owner, range, balance, tokenId } of holders) {
    if (range === null) continue;
    const question: ContractCall = { kind: "range-liquidity", pool: pool.address, owner, range };
    const key = questionText(question);
    const subject = tokenId === null ? key : null; // A manager's range holds many tokens, each asked for by itself.
    sums.set(key, { question, sum: (sums.get(key)?.sum ?? 0n) + balance, subject });
  }
  return [...sums.values()].map(({ question, sum, subject }) => ({ question, expected: `${sum}`, subject }));
}

/** V3-8 by owner and range: what was burned and not collected yet is owed. */
function owedExpectations(store: Store, pool: Pool, at: number): readonly Expectation[] {
  return store.events.owed(pool.address, at).flatMap(({ owner, range, amounts }) =>
    ([0, 1] as const).flatMap((side): readonly Expectation[] => {
      if (amounts[side] <= 0n) return [];
      const question = { kind: "owed" as const, pool: pool.address, owner, range, side };
      return [{ question, expected: `${amounts[side]}`, atLeast: true, subject: null }];
    }),
  );
}

/** A position of a singleton's pool, which its owner, range and salt name. */
function saltedExpectations(
  pool: Pool,
  { position, provider: owner, range, balance }: HeldAccount,
): readonly Expectation[] {
  if (range === null) return [];
  const salt = position.split(":")[2] ?? `0x${"0".repeat(64)}`;
  const names = { poolManager: singletonOf(pool), pool: pool.address, owner, range, salt };
  const subject = `${pool.address} ${owner} ${position}`;
  return [{ question: { kind: "singleton-liquidity", ...names }, expected: `${balance}`, subject }];
}

/** The contracts that hold position NFTs for others, each with the manager whose tokens they are. */
export type Stakers = ReadonlyMap<Address, Address>;

export function stakersOf({ wrappers }: Pick<Programme, "wrappers">): Stakers {
  return new Map(wrappers.flatMap(({ address, manager }) => (manager === null ? [] : [[address, manager] as const])));
}

/** Position NFTs: their liquidity, whoever claims it, who owns them, and for whom a staker holds them. */
function tokenExpectations(
  { salted }: Pool,
  holders: readonly HeldAccount[],
  stakers: Stakers,
): readonly Expectation[] {
  const tokens = holders.filter(({ tokenId }) => tokenId !== null);
  return summed(tokens, ({ custodian, tokenId }) => `${custodian} ${tokenId}`).flatMap(({ key, sum, first }) => {
    const [manager, tokenId] = [first.custodian, first.tokenId ?? ""];
    const owner = first.via || first.provider;
    const isStaked = stakers.get(owner) === manager;
    const user = first.via ? first.provider : ZERO_ADDRESS;
    const stakedFor = { kind: "staked-for" as const, staker: owner, tokenId };
    return [
      ...(isStaked ? [{ question: stakedFor, expected: user, subject: key }] : []),
      {
        question: { kind: salted ? ("singleton-token" as const) : ("token-liquidity" as const), manager, tokenId },
        expected: `${sum}`,
        subject: key,
      },
      { question: { kind: "token-owner" as const, manager, tokenId }, expected: owner, subject: key },
    ];
  });
}

/**
 * Of which tokens and range a position NFT is: its liquidity and its owner are right of a token of another pool, too.
 */
function placeExpectations({ tokens }: Pool, holders: readonly HeldAccount[]): readonly Expectation[] {
  return holders.flatMap(({ custodian: manager, tokenId, range }): readonly Expectation[] => {
    if (tokenId === null || range === null) return [];
    const place = [...tokens.map(({ address }) => address), range.tickLower, range.tickUpper];
    const question = { kind: "token-place" as const, manager, tokenId };
    return [{ question, expected: place.join(" "), subject: `${manager} ${tokenId}` }];
  });
}

function summed(holders: readonly HeldAccount[], keyOf: (holder: HeldAccount) => string) {
  const sums = new Map<string, { key: string; sum: bigint; first: HeldAccount }>();
  for (const each of holders) {
    const key = keyOf(each);
    const before = sums.get(key);
    sums.set(key, { key, sum: (before?.sum ?? 0n) + each.balance, first: before?.first ?? each });
  }
  return [...sums.values()];
}

function singletonOf({ contracts, address }: Pool): Address {
  return contracts[0] ?? address;
}
