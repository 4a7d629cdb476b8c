import { amountsOf } from "../../src/core/amm/amounts.ts";
import { sqrtFloor } from "../../src/core/amm/sqrt.ts";
import { sqrtRatioAtTick, type TickRange } from "../../src/core/amm/ticks.ts";
import { addressOf, type Draft, draft } from "./logs.ts";

export const PAIR = addressOf(0xa1);
export const POOL = addressOf(0xa2);
export const MANAGER = addressOf(0xa3);
export const TOKENS = [addressOf(0xb1), addressOf(0xb2)] as const;
const ZERO = addressOf(0);
const ROUTER = addressOf(0xcc);
const FEE_TO = addressOf(0xfee);
const ACTORS = [1, 2, 3, 4, 5, 6].map((i) => addressOf(0x1000 + i));

interface Nft extends TickRange {
  readonly id: bigint;
  owner: string;
  liquidity: bigint;
}

/** A programme file for the world's pair and pool. */
export function worldProgramme(more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const tokens = TOKENS.map((address, i) => ({ address, symbol: `T${i}`, decimals: 18 }));
  return {
    chainId: 31337,
    quote: { symbol: "USD" },
    finality: { fallbackDepth: 30, minDepth: 0 },
    pools: [
      { protocol: "uniswap-v2", address: PAIR, tokens, startBlock: 1 },
      { protocol: "uniswap-v3", address: POOL, tokens, startBlock: 1, managers: [MANAGER] },
    ],
    prices: { [TOKENS[0]]: { fixed: "2" }, [TOKENS[1]]: [{ pool: POOL }, { pool: PAIR }] },
    ...more,
  };
}

/**
 * A small model of one Uniswap V2 pair, one V3 pool and its position manager: deeds in, logs out, exactly as the
 * contracts emit them. It knows positions by what the contracts store, not by what the ledger books.
 */
export class World {
  readonly shares = new Map<string, bigint>();
  readonly direct = new Map<string, TickRange & { owner: string; liquidity: bigint }>();
  nfts: Nft[] = [];
  supply = 0n;
  reserves: [bigint, bigint] = [0n, 0n];
  tick: number | null = null;
  sqrtPriceX96 = 0n;
  /** What the V3 pool holds of each token. */
  amounts: [bigint, bigint] = [0n, 0n];
  #nextId = 1n;
  #kLast = 0n;

  clone(): World {
    const copy = new World();
    for (const [holder, balance] of this.shares) copy.shares.set(holder, balance);
    for (const [key, position] of this.direct) copy.direct.set(key, { ...position });
    copy.nfts = this.nfts.map((nft) => ({ ...nft }));
    copy.supply = this.supply;
    copy.reserves = [...this.reserves];
    copy.tick = this.tick;
    copy.sqrtPriceX96 = this.sqrtPriceX96;
    copy.amounts = [...this.amounts];
    copy.#nextId = this.#nextId;
    copy.#kLast = this.#kLast;
    return copy;
  }

  /** One transaction of whatever comes to mind; always possible, never empty. */
  transaction(random: () => number): readonly Draft[] {
    if (this.supply === 0n) return this.#mintShares(pick(ACTORS, random), 10n ** 20n);
    if (this.tick === null) return this.#initialize(0);
    const actor = pick(ACTORS, random);
    const deeds: readonly (() => readonly Draft[])[] = [
      () => this.#mintShares(actor, BigInt(1 + Math.floor(random() * 1e9)) * 10n ** 9n),
      () => this.#burnShares(actor, random),
      () => this.#moveShares(actor, pick([...ACTORS, ZERO, PAIR], random), random),
      () => this.#swapPair(random),
      () => this.#sync(random),
      () => this.#mintNft(actor, someRange(random), random),
      () => this.#mintNft(actor, someRange(random), random),
      () => this.#changeNft(random),
      () => this.#changeNft(random),
      () => this.#moveNft(pick(ACTORS, random), random),
      () => this.#exitNft(random),
      () => this.#mintDirect(actor, someRange(random), random),
      () => this.#burnDirect(random),
      () => this.#donate(someRange(random), random),
      () => this.swap(random),
      () => this.swap(random),
      () => this.swap(random),
    ];
    const made = pick(deeds, random)();
    return made.length === 0 ? this.swap(random) : made;
  }

  /**
   * Moves the V3 price a little, for what the liquidity on the way takes and gives; the log tells the liquidity in
   * range afterwards.
   */
  swap(random: () => number): readonly Draft[] {
    const tick = Math.max(-3000, Math.min(3000, (this.tick ?? 0) + Math.floor(random() * 121) - 60));
    const [low, high] = [sqrtRatioAtTick(tick), sqrtRatioAtTick(tick + 1)];
    const before = this.#principal("down");
    this.tick = tick;
    this.sqrtPriceX96 = low + ((high - low) * BigInt(Math.floor(random() * 1000))) / 1000n;
    const [after0, after1] = this.#principal("up");
    const values = {
      sender: ROUTER,
      recipient: ROUTER,
      ...this.#paid([after0 - before[0] + 5n, after1 - before[1]]),
      sqrtPriceX96: this.sqrtPriceX96,
      liquidity: this.active(),
      tick,
    };
    const lent = { sender: ROUTER, recipient: ROUTER, amount0: 1000n, amount1: 0n, paid0: 3n, paid1: 0n };
    const taken = { sender: ROUTER, recipient: FEE_TO };
    return [
      draft("pool", POOL, "Swap", values),
      ...(tick % 13 === 0 ? [draft("pool", POOL, "Flash", { ...lent, ...this.#paidFlash(3n) })] : []),
      ...(tick % 17 === 0 ? [draft("pool", POOL, "CollectProtocol", { ...taken, ...this.#taken([1n, 1n]) })] : []),
    ];
  }

  /** What all the liquidity of the V3 pool is at its price. */
  #principal(rounding: "down" | "up"): readonly [bigint, bigint] {
    const price = { sqrtPriceX96: this.sqrtPriceX96, tick: this.tick ?? 0 };
    let [sum0, sum1] = [0n, 0n];
    for (const each of [...this.nfts, ...this.direct.values()]) {
      if (each.liquidity === 0n) continue;
      const [amount0, amount1] = amountsOf(each.liquidity, each, price, rounding);
      sum0 += amount0;
      sum1 += amount1;
    }
    return [sum0, sum1];
  }

  /** Moves tokens in or out of the V3 pool. */
  #paid([amount0, amount1]: readonly [bigint, bigint]): { amount0: bigint; amount1: bigint } {
    this.amounts = [this.amounts[0] + amount0, this.amounts[1] + amount1];
    return { amount0, amount1 };
  }

  /** Takes what fees and burns left: nothing that the liquidity stands for. */
  #taken(wanted: readonly [bigint, bigint]): { amount0: bigint; amount1: bigint } {
    const principal = this.#principal("up");
    const [amount0, amount1] = this.amounts.map((held, i) => {
      const [free, asked] = [held - (principal[i] ?? 0n), wanted[i] ?? 0n];
      return free < asked ? free : asked;
    }) as [bigint, bigint];
    this.#paid([-amount0, -amount1]);
    return { amount0, amount1 };
  }

  #paidFlash(paid0: bigint): { paid0: bigint } {
    this.#paid([paid0, 0n]);
    return { paid0 };
  }

  /** The sum of everything in range, as the pool would have it. */
  active(): bigint {
    const tick = this.tick ?? 0;
    const within = ({ tickLower, tickUpper }: TickRange): boolean => tickLower <= tick && tick < tickUpper;
    return [...this.nfts, ...this.direct.values()].filter(within).reduce((sum, each) => sum + each.liquidity, 0n);
  }

  /** Every open account the way `export positions` shows it: position, provider, liquidity. */
  openPositions(): readonly string[] {
    const lines = [...this.shares]
      .filter(([, balance]) => balance > 0n)
      .map(([holder, balance]) => `${PAIR} null ${holder} ${balance}`);
    for (const nft of this.nfts) if (nft.liquidity > 0n) lines.push(`${POOL} ${nft.id} ${nft.owner} ${nft.liquidity}`);
    for (const each of this.direct.values()) {
      if (each.liquidity > 0n)
        lines.push(`${POOL} ${each.tickLower}:${each.tickUpper} ${each.owner} ${each.liquidity}`);
    }
    return lines.sort();
  }

  #add(holder: string, delta: bigint): void {
    const after = (this.shares.get(holder) ?? 0n) + delta;
    if (after < 0n) throw new Error("the model overdrew");
    this.shares.set(holder, after);
  }

  #transferLog(from: string, to: string, value: bigint): Draft {
    return draft("pair", PAIR, "Transfer", { from, to, value });
  }

  #syncLog(): Draft {
    return draft("pair", PAIR, "Sync", { reserve0: this.reserves[0], reserve1: this.reserves[1] });
  }

  /** Somebody brings a little too much of one token: what it buys is what the scarcer one does. */
  #mintShares(to: string, amount: bigint): readonly Draft[] {
    const logs: Draft[] = this.supply === 0n ? [] : [...this.#protocolFee()];
    const [reserve0, reserve1] = this.reserves;
    let amounts: [bigint, bigint] = [amount, amount];
    let shares = amount - 1000n;
    if (this.supply === 0n) {
      this.#add(ZERO, 1000n);
      this.supply += 1000n;
      logs.push(this.#transferLog(ZERO, ZERO, 1000n));
    } else {
      amounts = [amount, (amount * reserve1) / reserve0 + (amount % 7n)];
      const [a, b] = [(amounts[0] * this.supply) / reserve0, (amounts[1] * this.supply) / reserve1];
      shares = a < b ? a : b;
    }
    this.#add(to, shares);
    this.supply += shares;
    this.reserves = [reserve0 + amounts[0], reserve1 + amounts[1]];
    this.#kLast = this.reserves[0] * this.reserves[1];
    logs.push(this.#transferLog(ZERO, to, shares), this.#syncLog());
    logs.push(draft("pair", PAIR, "Mint", { sender: ROUTER, amount0: amounts[0], amount1: amounts[1] }));
    return logs;
  }

  /** Mints the protocol its sixth of the growth since the last change, before that change. */
  #protocolFee(): readonly Draft[] {
    const [root, rootLast] = [sqrtFloor(this.reserves[0] * this.reserves[1]), sqrtFloor(this.#kLast)];
    const fee = (this.supply * (root - rootLast)) / (5n * root + rootLast);
    if (fee <= 0n) return [];
    this.#add(FEE_TO, fee);
    this.supply += fee;
    return [this.#transferLog(ZERO, FEE_TO, fee)];
  }

  #burnShares(from: string, random: () => number): readonly Draft[] {
    const balance = this.shares.get(from) ?? 0n;
    const shares = random() < 0.3 ? balance : balance / 3n;
    if (shares === 0n) return [];
    this.#add(from, -shares);
    this.#add(PAIR, shares);
    const fee = this.#protocolFee();
    const all = this.shares.get(PAIR) ?? 0n; // A burn takes all the pair holds, whoever sent it.
    const amounts = this.reserves.map((reserve) => (all * reserve) / this.supply);
    this.#add(PAIR, -all);
    this.supply -= all;
    this.reserves = [this.reserves[0] - (amounts[0] ?? 0n), this.reserves[1] - (amounts[1] ?? 0n)];
    this.#kLast = this.reserves[0] * this.reserves[1];
    return [
      this.#transferLog(from, PAIR, shares),
      ...fee,
      this.#transferLog(PAIR, ZERO, all),
      this.#syncLog(),
      draft("pair", PAIR, "Burn", { sender: ROUTER, amount0: amounts[0] ?? 0n, amount1: amounts[1] ?? 0n, to: from }),
    ];
  }

  #moveShares(from: string, to: string, random: () => number): readonly Draft[] {
    const value = random() < 0.2 ? 0n : (this.shares.get(from) ?? 0n) / 4n;
    this.#add(from, -value);
    this.#add(to, value);
    return [this.#transferLog(from, to, value)];
  }

  #swapPair(random: () => number): readonly Draft[] {
    const amount = this.reserves[0] / BigInt(20 + Math.floor(random() * 100));
    const out = (this.reserves[1] * amount) / (this.reserves[0] + amount);
    this.reserves = [this.reserves[0] + amount, this.reserves[1] - out];
    const values = { sender: ROUTER, to: ROUTER, amount0In: amount, amount1In: 0n, amount0Out: 0n, amount1Out: out };
    return [this.#syncLog(), draft("pair", PAIR, "Swap", values)];
  }

  #sync(random: () => number): readonly Draft[] {
    this.reserves = [this.reserves[0] + BigInt(Math.floor(random() * 1e9)), this.reserves[1]];
    return [this.#syncLog()];
  }

  #initialize(tick: number): readonly Draft[] {
    this.tick = tick;
    this.sqrtPriceX96 = sqrtRatioAtTick(tick);
    return [draft("pool", POOL, "Initialize", { sqrtPriceX96: this.sqrtPriceX96, tick })];
  }

  /** The pool's log of a change, and the amounts that the manager repeats. */
  #poolChange(
    name: "Mint" | "Burn",
    owner: string,
    sender: string,
    range: TickRange,
    amount: bigint,
  ): { log: Draft; amounts: { amount0: bigint; amount1: bigint } } {
    const price = { sqrtPriceX96: this.sqrtPriceX96, tick: this.tick ?? 0 };
    const [amount0, amount1] = amountsOf(amount, range, price, name === "Mint" ? "up" : "down");
    const { tickLower, tickUpper } = range;
    if (name === "Mint") this.#paid([amount0, amount1]);
    const log = draft("pool", POOL, name, { sender, owner, tickLower, tickUpper, amount, amount0, amount1 });
    return { log, amounts: { amount0, amount1 } };
  }

  #mintNft(owner: string, range: TickRange, random: () => number): readonly Draft[] {
    const liquidity = BigInt(1 + Math.floor(random() * 1e12)) * 10n ** 6n;
    const tokenId = this.#nextId++;
    const { log, amounts } = this.#poolChange("Mint", MANAGER, MANAGER, range, liquidity);
    this.nfts.push({ id: tokenId, owner, liquidity, ...range });
    return [
      log,
      draft("manager", MANAGER, "Transfer", { from: ZERO, to: owner, tokenId }),
      draft("manager", MANAGER, "IncreaseLiquidity", { tokenId, liquidity, ...amounts }),
    ];
  }

  #changeNft(random: () => number): readonly Draft[] {
    if (this.nfts.length === 0) return [];
    const nft = pick(this.nfts, random);
    const grow = random() < 0.4;
    const liquidity = grow ? 10n ** 15n : random() < 0.3 ? nft.liquidity : nft.liquidity / 2n;
    const { id: tokenId } = nft;
    if (liquidity === 0n) return [];
    const { log, amounts } = this.#poolChange(grow ? "Mint" : "Burn", MANAGER, MANAGER, nft, liquidity);
    nft.liquidity += grow ? liquidity : -liquidity;
    const name = grow ? "IncreaseLiquidity" : "DecreaseLiquidity";
    return [log, draft("manager", MANAGER, name, { tokenId, liquidity, ...amounts }), ...this.#collect(nft)];
  }

  #collect(nft: Nft): readonly Draft[] {
    const { tickLower, tickUpper } = nft;
    const collected = { recipient: nft.owner, ...this.#taken([3n, 4n]) };
    const poke = nft.liquidity > 0n ? [this.#poolChange("Burn", MANAGER, MANAGER, nft, 0n).log] : [];
    return [
      ...poke,
      draft("pool", POOL, "Collect", { owner: MANAGER, tickLower, tickUpper, ...collected }),
      draft("manager", MANAGER, "Collect", { tokenId: nft.id, ...collected }),
    ];
  }

  #moveNft(to: string, random: () => number): readonly Draft[] {
    if (this.nfts.length === 0) return [];
    const nft = pick(this.nfts, random);
    const from = nft.owner;
    nft.owner = to;
    return [draft("manager", MANAGER, "Transfer", { from, to, tokenId: nft.id })];
  }

  #exitNft(random: () => number): readonly Draft[] {
    if (this.nfts.length === 0) return [];
    const nft = pick(this.nfts, random);
    const logs: Draft[] = [];
    const { liquidity } = nft;
    if (liquidity > 0n) {
      const { log, amounts } = this.#poolChange("Burn", MANAGER, MANAGER, nft, liquidity);
      nft.liquidity = 0n;
      logs.push(log, draft("manager", MANAGER, "DecreaseLiquidity", { tokenId: nft.id, liquidity, ...amounts }));
    }
    this.nfts = this.nfts.filter((each) => each !== nft);
    return [
      ...logs,
      ...this.#collect(nft),
      draft("manager", MANAGER, "Transfer", { from: nft.owner, to: ZERO, tokenId: nft.id }),
    ];
  }

  #mintDirect(owner: string, range: TickRange, random: () => number): readonly Draft[] {
    const liquidity = BigInt(1 + Math.floor(random() * 1e12)) * 10n ** 6n;
    const key = `${owner} ${range.tickLower}:${range.tickUpper}`;
    const before = this.direct.get(key)?.liquidity ?? 0n;
    this.direct.set(key, { owner, liquidity: before + liquidity, ...range });
    return [this.#poolChange("Mint", owner, ROUTER, range, liquidity).log];
  }

  #burnDirect(random: () => number): readonly Draft[] {
    const open = [...this.direct.values()].filter((each) => each.liquidity > 0n && each.owner !== MANAGER);
    if (open.length === 0) return [];
    const position = pick(open, random);
    const liquidity = random() < 0.3 ? 0n : random() < 0.5 ? position.liquidity : position.liquidity / 2n;
    position.liquidity -= liquidity;
    return [this.#poolChange("Burn", position.owner, position.owner, position, liquidity).log];
  }

  /** Liquidity minted to the manager's own address by somebody else: nobody can ever take it out. */
  #donate(range: TickRange, random: () => number): readonly Draft[] {
    return random() < 0.8 ? [] : this.#mintDirect(MANAGER, range, random);
  }
}

function someRange(random: () => number): TickRange {
  const tickLower = (Math.floor(random() * 60) - 30) * 10;
  return { tickLower, tickUpper: tickLower + (1 + Math.floor(random() * 40)) * 10 };
}

export function pick<T>(from: readonly T[], random: () => number): T {
  const chosen = from[Math.floor(random() * from.length)];
  if (chosen === undefined) throw new Error("nothing to pick from");
  return chosen;
}
