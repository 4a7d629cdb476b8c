import { ContractFacts, questionName } from "../chain/contracts/contract-facts.ts";
import type { ContractReader } from "../chain/contracts/contract-reader.ts";
import { ContractSigns, type SignsSeen } from "../chain/contracts/signs.ts";
import type { Problem } from "../config/problems.ts";
import { protocolOf } from "../core/decode/protocols.ts";
import { type Address, ZERO_ADDRESS } from "../core/hex.ts";
import type { Factory, Pool, Programme, Token, Wrapper } from "../core/programme/programme.ts";
import { isSingleton } from "../core/programme/programme.ts";
import { feedProblems } from "./check-feeds.ts";
import { patiently } from "./context.ts";
import { existedBefore, namesOf, startBlockProblem } from "./new-pool-checks.ts";

/** What a programme's contracts say against it, and what nobody could compare. */
export interface PreflightReport {
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
}

/**
 * Compares a programme with what its contracts say of themselves at the head. A question that a contract does not
 * answer is a problem like one that it answers otherwise, until the programme's `confirmed` names it: no answer is
 * never a pass.
 */
export async function preflight(
  reader: ContractReader,
  programme: Programme,
  head: number,
  signal: AbortSignal,
): Promise<PreflightReport> {
  const check = new Preflight(reader, programme, head, signal);
  await check.run();
  return check;
}

/** A contract that is compared with the signs of what the programme says it is. */
interface Compared {
  readonly key: "protocol" | "kind";
  readonly kind: string;
  readonly address: Address;
  /** What it could be by its signs. */
  readonly fitting?: readonly string[];
}

class Preflight implements PreflightReport {
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  readonly #reader: ContractReader;
  readonly #facts: ContractFacts;
  readonly #signs: ContractSigns;
  readonly #programme: Programme;
  readonly #head: number;
  readonly #signal: AbortSignal;

  constructor(reader: ContractReader, programme: Programme, head: number, signal: AbortSignal) {
    this.#reader = reader;
    this.#facts = new ContractFacts(reader);
    this.#signs = new ContractSigns(reader);
    this.#programme = programme;
    this.#head = head;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { pools, factories, wrappers, prices } = this.#programme;
    for (const pool of pools) await this.#pool(pool);
    for (const factory of factories) await this.#factory(factory);
    for (const wrapper of wrappers) await this.#wrapper(wrapper);
    for (const [token, sources] of prices)
      for (const source of sources) if (source.kind === "rate") await this.#rate(token, source.asset);
    await this.#rewardTokens();
    this.problems.push(...(await feedProblems(this.#reader, this.#programme, this.notes, this.#signal)));
  }

  #problem(field: string, expected: string, found: string): void {
    this.problems.push({ field, expected, found });
  }

  /** A question that nobody answered, unless the programme says that somebody looked it up. */
  #unanswered(field: string, contract: Address, functionName: string, expected: string): void {
    const name = questionName(contract, functionName);
    if (this.#programme.confirmed.has(name)) {
      this.notes.push(`${name} is not answered, and confirmed by the programme file`);
      return;
    }
    this.#problem(
      field,
      `${expected}, or "${name}" in "confirmed" where you know that it is right`,
      `no answer of ${functionName}()`,
    );
  }

  async #pool(pool: Pool): Promise<void> {
    const field = `pools.${pool.address}`;
    if (pool.startBlock > this.#head)
      this.#problem(`${field}.startBlock`, `a block that is there: the head is ${this.#head}`, `${pool.startBlock}`);
    for (const contract of pool.contracts) {
      const at = contract === pool.address ? "address" : pool.salted ? "poolManager" : "shareToken";
      if (!(await this.#hasCode(contract))) this.#problem(`${field}.${at}`, "a contract", this.#noCode());
    }
    if (this.problems.some((each) => each.field.startsWith(`${field}.`))) return;
    const before = await patiently(() => existedBefore(this.#reader, pool, this.#signal));
    if (before === true) this.problems.push(startBlockProblem(pool));
    if (before === null)
      this.notes.push(
        `${pool.address}: the node does not know block ${pool.startBlock - 1} any more, so the start block was not checked; a history that begins too late shows in the pool's first log`,
      );
    await this.#protocol(pool, field);
    const chainTokens = await patiently(() => this.#reader.poolTokens(pool, this.#signal));
    for (const [side, token] of pool.tokens.entries()) {
      const actual = chainTokens?.[side] ?? null;
      if (chainTokens !== undefined && actual !== token.address)
        this.#problem(`${field}.tokens.${side}.address`, actual ?? "a pool with tokens", token.address);
    }
    await this.#decimals(pool.tokens, field);
    await this.#shareToken(pool, field);
    const of = pool.salted ? pool.contracts[0] : await this.#address(pool.address, "factory");
    await this.#managers(pool, `${field}.managers`, of ?? null);
  }

  /** Each protocol's contracts answer what no other's do. */
  async #protocol({ address, protocol, salted }: Pool, field: string): Promise<void> {
    if (salted) return;
    const signs = await patiently(() => this.#signs.pool(address, protocol, this.#signal));
    if (signs.contradicting.length + signs.unanswered.length === 0) return;
    const fitting = await patiently(() => this.#signs.fitting(address, this.#signal));
    this.#compareSigns(signs, field, { key: "protocol", kind: protocol, address, fitting });
  }

  #compareSigns(
    { unanswered, contradicting }: SignsSeen,
    of: string,
    { key, kind, address, fitting = [] }: Compared,
  ): void {
    const field = `${of}.${key}`;
    const better = fitting.length === 0 ? `another ${key}` : namesOf(fitting);
    for (const name of contradicting) this.#problem(field, `${better}: its contract answers ${name}()`, kind);
    if (contradicting.length > 0) return;
    const instead = fitting.length === 0 ? "" : `; its contract answers as ${better} does`;
    for (const name of unanswered)
      this.#unanswered(field, address, name, `a contract of ${kind}, which answers ${name}()${instead}`);
  }

  /** A share token of its own is minted by its pool. */
  async #shareToken({ address, shareToken }: Pool, field: string): Promise<void> {
    if (shareToken === null || shareToken === address) return;
    const minter = await this.#address(shareToken, "minter");
    if (minter === null) this.#unanswered(`${field}.shareToken`, shareToken, "minter", "the token that the pool mints");
    else if (minter !== address)
      this.#problem(`${field}.shareToken`, "the token that the pool mints", `${shareToken}, which ${minter} mints`);
  }

  /** Position managers hold positions of one factory's pools; others would be credited for what is not theirs. */
  async #managers(
    { managers, protocol }: Pick<Pool | Factory, "managers" | "protocol">,
    field: string,
    of: Address | null,
  ) {
    const { managers: manages } = protocolOf({ protocol });
    if (manages === undefined) return;
    if (managers.length === 0)
      this.notes.push(`${field}: none is named, so liquidity held as NFTs is credited to the contract that holds it`);
    const name = isSingleton(protocol) ? "poolManager" : "factory";
    for (const manager of managers) {
      if (!(await this.#hasCode(manager))) {
        this.#problem(field, "contracts", `no code at ${manager}`);
        continue;
      }
      const own = await this.#address(manager, name);
      if (own === null) this.#unanswered(field, manager, name, "a position manager");
      else if (own !== of)
        this.#problem(
          field,
          `position managers of ${of ?? "the pool's factory, which it does not name"}`,
          `${manager}, which is one of ${own}`,
        );
      else await this.#isManager(manager, field);
    }
  }

  /** Pools, routers and stakers name the factory, too, but their tokens are no NFTs. */
  async #isManager(manager: Address, field: string): Promise<void> {
    const isNft = await patiently(() => this.#facts.isNftContract(manager, this.#signal));
    if (isNft === null) this.#unanswered(field, manager, "supportsInterface", "a position manager");
    else if (!isNft) this.#problem(field, "position managers, whose tokens are NFTs", manager);
  }

  async #factory(factory: Factory): Promise<void> {
    const { address, protocol, startBlock } = factory;
    const field = `factories.${address}`;
    if (startBlock > this.#head)
      this.#problem(`${field}.startBlock`, `a block that is there: the head is ${this.#head}`, `${startBlock}`);
    await this.#decimals(factory.tokens, field);
    if (!(await this.#hasCode(address))) {
      this.#problem("factories", "contracts", `no code at ${address}`);
      return;
    }
    const signs = await patiently(() => this.#signs.factory(address, protocol, this.#signal));
    this.#compareSigns(signs, field, { key: "protocol", kind: protocol, address });
    await this.#managers(factory, `${field}.managers`, address);
    if (startBlock > 0) this.notes.push(`${address}: pools it made before block ${startBlock} are not followed`);
  }

  /** A wrapper holds what its entry says: the pool's shares, another wrapper's receipts, or one manager's NFTs. */
  async #wrapper(wrapper: Wrapper): Promise<void> {
    const { address, manager, pool, inside, kind } = wrapper;
    if (!(await this.#hasCode(address))) {
      this.#problem("wrappers", "contracts", `no code at ${address}`);
      return;
    }
    const shares = this.#programme.pools.find((each) => each.address === pool)?.shareToken;
    const expected = manager ?? inside ?? shares;
    const field = `wrappers.${address}.${manager !== null ? "manager" : inside !== null ? "inside" : "pool"}`;
    const signs = await patiently(() => this.#signs.wrapper(wrapper, this.#signal));
    this.#compareSigns(signs, `wrappers.${address}`, { key: "kind", kind, address });
    const { name, token } = await patiently(() => this.#facts.heldBy(wrapper, this.#signal));
    if (token === null) this.#unanswered(field, address, name, `a ${kind}, which answers ${name}()`);
    else if (token !== expected) this.#problem(field, `${token}, which ${name}() names`, `${expected}`);
  }

  async #rate(token: Address, asset: Token): Promise<void> {
    const field = `prices.${token}.rate.asset`;
    await this.#decimals([asset], `${field}`, true);
    const own = await this.#address(token, "asset");
    if (own === null) this.#unanswered(field, token, "asset", "the asset of an ERC-4626 share");
    else if (own !== asset.address) this.#problem(field, own, asset.address);
  }

  async #rewardTokens(): Promise<void> {
    for (const [i, token] of (this.#programme.rules?.rewards?.tokens ?? []).entries()) {
      const field = `rewards.tokens.${i}`;
      if (token.chainId !== this.#programme.chainId) {
        this.notes.push(`${field}: it is paid on chain ${token.chainId}, which was not asked`);
        continue;
      }
      if (token.address !== ZERO_ADDRESS && !(await this.#hasCode(token.address))) {
        this.#problem(`${field}.address`, "a token", this.#noCode());
        continue;
      }
      await this.#decimals([token], field, true);
      if (token.address === ZERO_ADDRESS) continue;
      const { symbol } = await patiently(() => this.#facts.token(token.address, this.#signal));
      if (symbol === null) this.#unanswered(`${field}.symbol`, token.address, "symbol", "the token's symbol");
      else if (symbol !== token.symbol)
        this.#problem(`${field}.symbol`, JSON.stringify(symbol), JSON.stringify(token.symbol));
    }
  }

  /** Tokens must say of themselves how many decimals they have: they scale every amount. */
  async #decimals(tokens: readonly Token[], field: string, isOnlyOne = false): Promise<void> {
    for (const [i, { address, decimals }] of tokens.entries()) {
      const at = isOnlyOne ? `${field}.decimals` : `${field}.tokens.${i}.decimals`;
      const own =
        address === ZERO_ADDRESS ? 18 : (await patiently(() => this.#facts.token(address, this.#signal))).decimals;
      if (own === null) this.#unanswered(at, address, "decimals", "the token's own decimals");
      else if (own !== decimals) this.#problem(at, `${own}`, `${decimals}`);
    }
  }

  async #hasCode(address: Address): Promise<boolean> {
    return (await patiently(() => this.#reader.hasCode(address, this.#head, this.#signal))) === true;
  }

  #noCode(): string {
    return `no code at block ${this.#head}`;
  }

  #address(contract: Address, functionName: string): Promise<Address | null> {
    return patiently(() => this.#facts.address(contract, functionName, this.#signal));
  }
}
