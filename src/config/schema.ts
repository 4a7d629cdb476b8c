import { z } from "zod";
import { E18, parsePriceE18 } from "../core/decimal.ts";
import { PROTOCOLS } from "../core/decode/protocols.ts";
import type { Protocol } from "../core/decode/reading.ts";
import { WRAPPERS } from "../core/decode/wrappers.ts";
import type { Caveat, ProtocolName, Valuation, WrapperKind } from "../core/programme/programme.ts";
import { isSingleton } from "../core/programme/programme.ts";
import { rulesShape } from "./rules.ts";
import { address, poolId, token } from "./shapes.ts";

const CAVEATS: Readonly<Record<Caveat, string>> = {
  "fee-on-transfer":
    "a token takes a fee, so reserves may move by less than a log says (V2-2 and V2-4 are not checked)",
  "other-protocol-fee": "a fork whose protocol fee is not a sixth of the growth (V2-5 is not checked)",
  "no-locked-minimum":
    "the pair was born without the locked 1000 shares, as by a migrator (the first mint is not checked)",
  "share-value-may-fall":
    "a rate oracle, a rebasing token or a loss can lower the value of a share (C5 is not checked)",
  "rebasing-token":
    "a token's balances change by themselves, so the pool may hold less than its logs say (V3-7 and V3-8 are not checked)",
  "other-share-flow":
    "shares of a deposit or withdrawal are issued or redeemed at another time or address (S-1 is not checked)",
  "hook-holds-value": "the pool's hook may hold value outside positions: only positions are counted, knowingly",
};

/** A pool of one protocol as its authors write it; what it may say follows from the protocol's line in the table. */
function poolSchema(protocol: Protocol) {
  const [min, max] = protocol.tokens;
  const { caveats, valuations } = protocol;
  return z.strictObject({
    protocol: z.literal(protocol.name),
    address: isSingleton(protocol.name) ? poolId : address,
    tokens: (min === max
      ? z.tuple(Array(min).fill(token) as [typeof token])
      : z.array(token).min(min).max(max)
    ).describe("in the pool's order"),
    startBlock: z.int().min(0).describe("a block not after the pool's creation"),
    ...(isSingleton(protocol.name) ? { poolManager: address.describe("the contract that holds the pool") } : {}),
    ...(protocol.ownShareToken ? { shareToken: address.describe("the ERC-20 whose holders are the providers") } : {}),
    ...(protocol.managers === undefined
      ? {}
      : {
          managers: z
            .array(address)
            .describe("position managers whose NFTs hold positions in this pool; [] if there are none"),
        }),
    ...(valuations.length < 2
      ? {}
      : {
          valuation: z
            .enum(valuations as readonly string[] as [string, ...string[]])
            .optional()
            .describe(
              "share-value: a share is worth the pool's virtual price in valueToken (the default); balances: its part of every token that the pool holds by its logs",
            ),
        }),
    ...(max > 1 && valuations.includes("share-value")
      ? { valueToken: address.optional().describe("the token a share's value is counted in (default: the first)") }
      : {}),
    ...(caveats.length === 0
      ? {}
      : {
          caveats: z
            .array(z.enum(caveats as readonly string[] as [string, ...string[]]))
            .optional()
            .describe(caveats.map((each) => `${each}: ${CAVEATS[each]}`).join("; ")),
        }),
  });
}

/** What any pool's entry holds, whatever its protocol. */
export interface PoolFile {
  readonly protocol: ProtocolName;
  readonly address: string;
  readonly tokens: readonly z.infer<typeof token>[];
  readonly startBlock: number;
  readonly poolManager?: string;
  readonly shareToken?: string;
  readonly managers?: readonly string[];
  readonly valuation?: Valuation["by"];
  readonly valueToken?: string;
  readonly caveats?: readonly Caveat[];
}

type PoolSchema = ReturnType<typeof poolSchema>;
const pool = z.discriminatedUnion("protocol", [...PROTOCOLS.values()].map(poolSchema) as [PoolSchema, ...PoolSchema[]]);

const factory = z.strictObject({
  protocol: z.enum(
    [...PROTOCOLS.values()].filter(({ factories }) => factories).map(({ name }) => name) as [string, ...string[]],
  ),
  address: address.describe("the factory; of Uniswap V4 the PoolManager"),
  startBlock: z.int().min(0).describe("a block not after the factory's creation: pools made before are not followed"),
  tokens: z.array(token).describe("tokens whose symbol and decimals are known; others can have no price"),
  match: z
    .enum(["both", "either", "any"])
    .optional()
    .describe("how many of a pool's tokens must be among those: both (the default), either, or any pool at all"),
  fees: z.array(z.int().min(0)).min(1).optional().describe("only pools of these fees, as their logs say them"),
  managers: z
    .array(address)
    .optional()
    .describe("position managers whose NFTs hold positions in these pools; pools with ticks must say, if only []"),
  caveats: z
    .array(z.enum(Object.keys(CAVEATS) as [Caveat, ...Caveat[]]))
    .optional()
    .describe("of all its pools"),
  except: z.array(address.or(poolId)).optional().describe("pools of its that are not followed"),
  poolCaveats: z
    .record(address.or(poolId), z.array(z.enum(Object.keys(CAVEATS) as [Caveat, ...Caveat[]])).min(1))
    .optional()
    .describe("caveats that only some of its pools have, by the pool's address or id"),
});

const wrapper = z.strictObject({
  kind: z.enum([...WRAPPERS.keys()] as [WrapperKind, ...WrapperKind[]]),
  address,
  pool: address.optional().describe("whose shares it holds; not of a staker of position NFTs"),
  manager: address
    .optional()
    .describe("the position manager whose NFTs a staker holds; it may be left out where the file names one only"),
  pid: z.int().min(0).optional().describe("the number under which a MasterChef knows those shares"),
  inside: address.optional().describe("the wrapper it puts them into again, as a pool of gauge receipts does"),
  exclude: z.boolean().optional().describe("do not credit its users: what they hold through it counts for nobody"),
});

const distance = z
  .int()
  .min(1)
  .max(86_400)
  .optional()
  .describe("how far from the day's end a sample may be (default 3600)");

const feed = z
  .strictObject({
    proxy: address
      .optional()
      .describe("the feed's published address, which emits nothing: check compares the aggregators with it"),
    aggregators: z
      .array(
        z.strictObject({
          address,
          fromBlock: z.int().min(0).describe("the first block whose answers count"),
          toBlock: z.int().min(0).optional().describe("the last one; none for the aggregator in force"),
        }),
      )
      .min(1)
      .max(50)
      .describe("the contracts that emit AnswerUpdated, phase by phase"),
    decimals: z.int().min(0).max(18),
    staleAfterSeconds: z
      .int()
      .min(1)
      .max(31_536_000)
      .describe("a day in which the feed was silent for longer is not priced by it: its heartbeat and some slack"),
    asset: token.optional().describe("what answers are counted in, where that is not the quote: it needs a price"),
  })
  .describe("a Chainlink feed: the time-weighted mean of its answers over the day");

const priceSource = z.union([
  z.strictObject({
    fixed: z
      .string()
      .refine((text) => parsePriceE18(text) !== undefined, 'a decimal price like "1.05" with at most 18 places')
      .describe("quote units per whole token"),
  }),
  z.strictObject({
    pool: address.or(poolId).describe("a followed pool of this token: its own price of the day"),
    average: z
      .enum(["median", "mean"])
      .optional()
      .describe(
        "median (the default): the price at or below which the pool stood for half of the time, which takes half of the day to move; mean: of its ticks, or of a pair's prices, which one block may move",
      ),
    minSeconds: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe("a day in which the pool had active liquidity for less is not priced by it (default 3600)"),
  }),
  z.strictObject({
    rate: z
      .strictObject({
        asset: token,
        samples: z
          .union([1, 2, 3, 4, 6, 8, 12, 24].map((each) => z.literal(each)))
          .optional()
          .describe("how often a day it is asked for, evenly from midnight on (default 24): the median counts"),
        rateRisePerDayBp: z
          .int()
          .min(0)
          .max(10_000)
          .optional()
          .describe(
            "how much it is believed to rise in a day, in hundredths of a percent (default 100); more waits, or is imported by lp-ledger prices",
          ),
      })
      .describe(
        "of an ERC-4626 share: what its contract converts it to, the median of samples through the day; the asset needs a price",
      ),
  }),
  z.strictObject({ imported: z.literal(true).describe("what lp-ledger prices import imported for the day") }),
  z.strictObject({ chainlink: feed }),
  z.strictObject({
    coingecko: z
      .strictObject({
        id: z
          .string()
          .regex(/^[a-z0-9][a-z0-9_.-]*$/i, "a coin's id as CoinGecko writes it")
          .max(100),
        maxDistanceSeconds: distance,
      })
      .describe("CoinGecko's price at the day's end, by lp-ledger prices fetch"),
  }),
  z.strictObject({
    defillama: z
      .strictObject({
        coin: z
          .string()
          .regex(/^[a-z0-9_-]+:[a-z0-9_.-]+$/i, "chain:address or coingecko:id")
          .max(150),
        maxDistanceSeconds: distance,
        minConfidence: z
          .string()
          .refine((text) => (parsePriceE18(text) ?? E18 + 1n) <= E18, 'decimal text between "0" and "1"')
          .optional()
          .describe('least confidence that is believed (default "0.9")'),
      })
      .describe("DefiLlama's price at the day's end, by lp-ledger prices fetch"),
  }),
]);

const price = z.union([priceSource, z.array(priceSource).min(1).max(8)]);

/** The programme file, as its authors write it; `config/programme.schema.json` is made from this. */
export const programmeSchema = z.strictObject({
  $schema: z.string().optional(),
  chainId: z.int().min(1),
  quote: z
    .strictObject({ symbol: z.string().min(1).max(32), decimals: z.int().min(0).max(8).optional() })
    .describe("the currency values are shown in; decimals scale them to integers (default 6)"),
  finality: z
    .strictObject({ fallbackDepth: z.int().min(0).optional(), minDepth: z.int().min(0).optional() })
    .optional()
    .describe("blocks below the head: fallbackDepth where the node has no finalized block, minDepth in any case"),
  pools: z.array(pool),
  factories: z
    .array(factory)
    .optional()
    .describe("contracts that make pools: those they make are followed from their first block on"),
  wrappers: z
    .array(wrapper)
    .optional()
    .describe("contracts that hold liquidity for others (gauges, chefs, stakers): their users are credited instead"),
  prices: z
    .record(address, price)
    .optional()
    .describe("by token address: one source, or several in order of preference"),
  confirmed: z
    .array(
      z.string().refine((text) => /^0x[0-9a-fA-F]{40} \w+\(\)$/.test(text), 'a question like "0x1234…abcd decimals()"'),
    )
    .optional()
    .describe("questions that a contract does not answer, as check names them, and whose answers you looked up"),
  ...rulesShape,
});

export type FactoryFile = z.infer<typeof factory>;
export type TokenFile = z.infer<typeof token>;
export type WrapperFile = z.infer<typeof wrapper>;
export type PriceSourceFile = z.infer<typeof priceSource>;
export type ProgrammeFile = z.infer<typeof programmeSchema>;
