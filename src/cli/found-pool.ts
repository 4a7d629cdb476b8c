import { ContractFacts } from "../chain/contracts/contract-facts.ts";
import type { ContractReader } from "../chain/contracts/contract-reader.ts";
import { type Described, describePool, describeSingletonPool } from "../chain/contracts/describe-pool.ts";
import { protocolOf } from "../core/decode/protocols.ts";
import { EXIT_USAGE, LpLedgerError } from "../core/errors.ts";
import { type Address, toAddress, ZERO_ADDRESS } from "../core/hex.ts";
import { checksummed, shownAddress } from "../core/keccak.ts";
import { isSingleton } from "../core/programme/programme.ts";
import { type Io, patiently } from "../runtime/context.ts";
import { addressesIn, asked, unfit, wholeNumber } from "./asked.ts";
import { knownManager } from "./known-managers.ts";

export interface FoundToken {
  readonly address: Address;
  readonly symbol: string;
  /** Null where neither its contract nor anybody at the terminal said: to be filled in. */
  readonly decimals: number | null;
  /** Somebody at the terminal told its decimals. */
  readonly isConfirmed: boolean;
}

/** A pool as the chain, and whoever was asked, tells of it. */
export interface Found extends Omit<Described, "tokens" | "factory"> {
  /** The contract that holds a pool inside a singleton; null of others. */
  readonly poolManager: Address | null;
  readonly address: Address;
  readonly startBlock: number;
  readonly tokens: readonly FoundToken[];
  /** Of a pool with ticks; undefined of others. */
  readonly managers: readonly Address[] | undefined;
}

/** What was said beforehand of the pools. */
interface Said {
  readonly manager: readonly Address[] | undefined;
  readonly startBlock: string | undefined;
}

const DECIMALS_MAX = 36;
const ID_LENGTH = 66;

function isId(pool: Address): boolean {
  return pool.length === ID_LENGTH;
}

/** Looks pools up on one chain, and asks for what it does not tell. */
export class PoolFinder {
  readonly #io: Io;
  readonly #reader: ContractReader;
  readonly #chain: { readonly id: number; readonly head: number };
  readonly #signal: AbortSignal;

  constructor(
    io: Io,
    reader: ContractReader,
    chain: { readonly id: number; readonly head: number },
    signal: AbortSignal,
  ) {
    this.#io = io;
    this.#reader = reader;
    this.#chain = chain;
    this.#signal = signal;
  }

  /** What kind of pool stands at an address, or has an id of Uniswap V4. @throws NOT_A_POOL */
  async describe(address: Address, managers: readonly Address[] | undefined): Promise<Described> {
    const described = isId(address)
      ? await this.#describeById(address, managers)
      : await patiently(() => describePool(this.#reader, address, this.#signal));
    if (described !== null) return described;
    throw new LpLedgerError("usage", "NOT_A_POOL", `${shownAddress(address)} is no pool that init knows by itself`, {
      hint: "init knows pairs, pools with ticks, Curve pools and ERC-4626 vaults by what their contracts answer, and pools of Uniswap V4 by their ids where the position manager (named with --manager) held a position in them; others are named by hand, as the README shows",
      exitCode: EXIT_USAGE,
    });
  }

  async #describeById(id: Address, managers: readonly Address[] | undefined): Promise<Described | null> {
    for (const manager of managers ?? this.#known("uniswap-v4")) {
      const found = await patiently(() => describeSingletonPool(this.#reader, id, manager, this.#signal));
      if (found !== null) return found;
    }
    return null;
  }

  async complete(address: Address, described: Described, said: Said): Promise<Found> {
    const { protocol, factory } = described;
    const tokens: FoundToken[] = [];
    for (const each of described.tokens) tokens.push(await this.token(each));
    return {
      protocol,
      address,
      tokens,
      poolManager: isSingleton(protocol) ? factory : null,
      shareToken: protocolOf({ protocol }).ownShareToken ? await this.#shareToken(address, described) : null,
      managers:
        protocolOf({ protocol }).managers === undefined
          ? undefined
          : await this.#managers(address, protocol, factory, said.manager),
      startBlock: await this.#startBlock(address, described, said.startBlock),
    };
  }

  /** A token by what it says of itself; whoever sits at the terminal is asked for decimals that it does not say. */
  async token(address: Address): Promise<FoundToken> {
    if (address === ZERO_ADDRESS) return { address, symbol: "NATIVE", decimals: 18, isConfirmed: false };
    const facts = new ContractFacts(this.#reader);
    const { symbol, decimals } = await patiently(() => facts.token(address, this.#signal));
    // What a token says of itself is somebody else's text.
    const plain = (symbol ?? "").replaceAll(/[^\x20-\x7e]/g, "").slice(0, 32);
    const name = plain === "" ? address.slice(0, 10) : plain;
    if (decimals !== null) return { address, symbol: name, decimals, isConfirmed: false };
    const told = await asked(this.#io, {
      question: `${checksummed(address)} (${name}) does not say its decimals; how many has it (empty: not known)? `,
      option: "decimals",
      given: undefined,
      absent: -1,
      read: (text) => wholeNumber("decimals", text, 0, DECIMALS_MAX),
    });
    return { address, symbol: name, decimals: told < 0 ? null : told, isConfirmed: told >= 0 };
  }

  async #shareToken(address: Address, { shareToken }: Described): Promise<Address> {
    if (shareToken !== null) return shareToken;
    return await asked(this.#io, {
      question: `${shownAddress(address)} does not name the token that its providers hold; its address: `,
      option: "shareToken",
      given: undefined,
      read: (text) => toAddress(addressesIn("shareToken", text)[0]),
    });
  }

  /** Those of the pool's own factory: others would be credited for what is not theirs. */
  async #managers(
    address: Address,
    protocol: Described["protocol"],
    factory: Address | null,
    given: readonly Address[] | undefined,
  ): Promise<readonly Address[]> {
    const name = isSingleton(protocol) ? "poolManager" : "factory";
    const own = await this.#ofFactory(given ?? this.#known(protocol), name, factory);
    if (own.length > 0) return own;
    const none = given === undefined ? `is known on chain ${this.#chain.id}` : "that was named is of its factory";
    const unanswered = new LpLedgerError(
      "usage",
      "NO_MANAGER",
      `no position manager ${none} for ${shownAddress(address)}`,
      {
        hint: "name it with --manager: positions held as its NFTs are credited to their owners only then",
        exitCode: EXIT_USAGE,
      },
    );
    return await asked(this.#io, {
      unanswered,
      question: `no position manager ${none} for ${shownAddress(address)}; addresses of its position managers ("none" if nobody holds its positions as NFTs): `,
      option: "--manager",
      given: undefined,
      read: async (text) => {
        if (text === "none") return [];
        const named = addressesIn("--manager", text).map(toAddress);
        const fit = await this.#ofFactory(named, name, factory);
        if (fit.length === named.length) return fit;
        throw unfit("--manager", `position managers of the factory ${factory ?? "that the pool does not name"}`, text);
      },
    });
  }

  #known(protocol: Described["protocol"]): readonly Address[] {
    const known = knownManager(protocol, this.#chain.id);
    return known === undefined ? [] : [toAddress(known)];
  }

  async #ofFactory(
    managers: readonly Address[],
    name: "factory" | "poolManager",
    factory: Address | null,
  ): Promise<readonly Address[]> {
    const facts = new ContractFacts(this.#reader);
    const own: Address[] = [];
    for (const each of managers)
      if (factory === null || (await patiently(() => facts.address(each, name, this.#signal))) === factory)
        own.push(each);
    return own;
  }

  /** Whether a pool was there at a block's end; null where the node no longer knows. */
  async #isThere(address: Address, { factory }: Described, block: number): Promise<boolean | null> {
    return await patiently(() =>
      isId(address) && factory !== null
        ? this.#reader.hasPool(factory, address, block, this.#signal)
        : this.#reader.hasCode(address, block, this.#signal),
    );
  }

  /** The first block at whose end it was there, found by halving; a node without old state cannot say it. */
  async #startBlock(address: Address, described: Described, given: string | undefined): Promise<number> {
    const { head } = this.#chain;
    let [low, high] = [-1, head];
    let forgotten: number | undefined;
    while (given === undefined && high - low > 1 && forgotten === undefined) {
      const middle = Math.floor((low + high) / 2);
      const there = await this.#isThere(address, described, middle);
      if (there === null) forgotten = middle;
      else if (there) high = middle;
      else low = middle;
    }
    if (given === undefined && forgotten === undefined) return high;
    const shown = shownAddress(address);
    if (forgotten !== undefined)
      this.#io.talk(`the node no longer knows block ${forgotten}, so it cannot say when ${shown} was created\n`);
    const unanswered = new LpLedgerError("usage", "PRUNED", `the node no longer knows when ${shown} was created`, {
      hint: "give --start-block, as a block explorer shows it, or name an archive node",
      exitCode: EXIT_USAGE,
    });
    return await asked(this.#io, {
      unanswered,
      question: `in which block was ${shown} created, or any before (a block explorer shows it)? `,
      option: "--start-block",
      given,
      read: async (text) => {
        const block = wholeNumber("--start-block", text, 0, head);
        const before = block === 0 ? false : await this.#isThere(address, described, block - 1);
        if (before === true) throw unfit("--start-block", `a block not after the creation of ${shown}`, text);
        return block;
      },
    });
  }
}
