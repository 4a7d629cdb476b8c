import pairFactoryAbi from "../../../abi/uniswap-v2-factory.json" with { type: "json" };
import poolFactoryAbi from "../../../abi/uniswap-v3-factory.json" with { type: "json" };
import type { Log } from "../chain.ts";
import type { Address } from "../hex.ts";
import { topicOf } from "../log-bytes.ts";
import type { Discovered, Factory, Pool, Token } from "../programme/programme.ts";
import { isSingleton } from "../programme/programme.ts";
import { protocolOf } from "./protocols.ts";
import type { Protocol } from "./reading.ts";
import { holdsValueApart, uniswapV4Shapes } from "./uniswap-v4.ts";
import { decodeWords, eventShapes, type Shapes } from "./words.ts";

/** By which log the factory of each form of pool tells of a new one; a singleton tells by the pool's own first log. */
const CREATED: Readonly<Record<"reserves" | "ticks", Shapes>> = {
  reserves: eventShapes(pairFactoryAbi, ["PairCreated"]),
  ticks: eventShapes(poolFactoryAbi, ["PoolCreated"]),
};
const INITIALIZED: Shapes = new Map([...uniswapV4Shapes].filter(([, { name }]) => name === "Initialize"));

/** The logs by which a factory tells of new pools. */
export function factoryShapes(factory: Factory): Shapes {
  const protocol: Protocol = protocolOf(factory);
  if (isSingleton(protocol.name)) return INITIALIZED;
  return protocol.form === "shares" ? new Map() : CREATED[protocol.form];
}

/**
 * The pool that a factory's log tells of, if it is one's and the programme wants pools like it. `timeSec`: where it is
 * to be known.
 */
export function poolCreated(
  factories: ReadonlyMap<Address, Factory>,
  log: Log,
  block: number,
  timeSec?: number,
): Pool | undefined {
  const factory = factories.get(log.address);
  if (factory === undefined) return undefined;
  const shape = factoryShapes(factory).get(topicOf(log) ?? "");
  if (shape === undefined || block < factory.startBlock) return undefined;
  const values = decodeWords(shape, log);
  const tokens = [values["token0"] ?? values["currency0"], values["token1"] ?? values["currency1"]] as [
    Address,
    Address,
  ];
  const address = (values["pair"] ?? values["pool"] ?? values["id"]) as Address;
  if (factory.except.includes(address)) return undefined;
  const fee = values["fee"];
  if (typeof fee === "bigint" || typeof fee === "number") {
    if (factory.fees.length > 0 && !factory.fees.includes(Number(fee))) return undefined;
  }
  const known = tokens.filter((each) => factory.tokens.some((token) => token.address === each)).length;
  if (known < { both: 2, either: 1, any: 0 }[factory.match]) return undefined;
  // What a hook keeps for itself is in no log: such pools are followed only where the programme says that it knows.
  const { hooks } = values;
  if (typeof hooks === "string" && holdsValueApart(hooks) && !factory.caveats.includes("hook-holds-value"))
    return undefined;
  return poolOfFactory(factory, address, tokens, { block, ...(timeSec === undefined ? {} : { timeSec }) });
}

/** A pool as its factory's entry in the programme describes all of them. */
export function poolOfFactory(
  factory: Factory,
  address: Address,
  tokens: readonly [Address, Address],
  made: Omit<Discovered, "factory">,
): Pool {
  const { protocol, managers } = factory;
  const caveats = [...new Set([...factory.caveats, ...(factory.poolCaveats.get(address) ?? [])])];
  const { form } = protocolOf(factory);
  const singleton = isSingleton(factory.protocol);
  const [first, second] = tokens.map(
    (each): Token =>
      factory.tokens.find((token) => token.address === each) ?? { address: each, symbol: "", decimals: null },
  ) as [Token, Token];
  return {
    address,
    protocol,
    form,
    tokens: [first, second],
    startBlock: made.block,
    contracts: singleton ? [factory.address] : [address],
    shareToken: form === "ticks" ? null : address,
    valuation: { by: "balances" },
    salted: singleton,
    managers: form === "ticks" ? managers : [],
    caveats,
    wrapperHomes: [],
    discovered: { factory: factory.address, ...made },
  };
}
