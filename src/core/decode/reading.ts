import type { LedgerEvent } from "../accounting/post.ts";
import type { PositionToken, WorkingSet } from "../accounting/working-set.ts";
import type { TickRange } from "../amm/ticks.ts";
import type { Log } from "../chain.ts";
import type { Address } from "../hex.ts";
import { topicOf } from "../log-bytes.ts";
import type { Caveat, Pool, PoolForm, ProtocolName } from "../programme/programme.ts";
import { decodeWords, type Shapes, type Values } from "./words.ts";

/** Where in the chain a log stands, as far as findings need it. */
export interface Place {
  readonly blockNumber: number;
  readonly timestampSec: number;
}

/** Takes one event as soon as it is understood: its postings are made at once. */
export type Emit = (event: LedgerEvent) => void;

/** What the logs of one transaction are read with. */
export interface DecodeContext {
  readonly books: WorkingSet;
  readonly place: Place;
  readonly emit: Emit;
  /** All of them, in order. */
  readonly logs: readonly Log[];
  poolOf(address: Address): Pool | undefined;
  /** What happened to position NFTs that were minted in this transaction and have no pool yet. */
  readonly newTokens: UnboundTokens;
}

/** See `NewTokens`. */
export interface UnboundTokens {
  note(manager: Address, tokenId: bigint, decoded: DecodedLog): void;
  /** Where a token was minted in this transaction. */
  mintedAt(manager: Address, tokenId: bigint): number | undefined;
  bind(reading: DecodeContext, pool: Pool, manager: Address, id: bigint, range: TickRange): PositionToken | undefined;
}

/** A log whose topic is known, with its arguments. */
export interface DecodedLog {
  readonly log: Log;
  readonly name: string;
  readonly values: Values;
}

/** A log read by the events of its contract; undefined for any other. */
export function decodeLog(shapes: Shapes, log: Log): DecodedLog | undefined {
  const shape = shapes.get(topicOf(log) ?? "");
  return shape && { log, name: shape.name, values: decodeWords(shape, log) };
}

/** Reads the logs of one transaction that are of one family of protocols, in their order. */
export interface TransactionDecoder {
  read(pool: Pool, decoded: DecodedLog): void;
  /** A log of a position manager. */
  readManager?(decoded: DecodedLog): void;
  /** The transaction is over: what its logs must have left in order is checked. */
  finish?(): void;
}

/**
 * Applies a log that moves no liquidity and is matched with no other of its transaction. @returns false where it cannot
 * be read so: then a reader of transactions says why.
 */
export type DecodeAlone = (books: WorkingSet, pool: Pool, log: Log, place: Place) => boolean;

export type BeginDecoder = (reading: DecodeContext) => TransactionDecoder;

/** One line of the table of protocols. */
export interface Protocol {
  readonly name: ProtocolName;
  readonly form: PoolForm;
  /** Fewest and most tokens of a pool. */
  readonly tokens: readonly [number, number];
  readonly shapes: Shapes;
  /** Protocols with the same reader share one in a transaction. */
  readonly begin: BeginDecoder;
  /** By first topic, the logs that need no transaction around them. */
  readonly alone?: ReadonlyMap<string, DecodeAlone>;
  /** The events of its position managers, where positions can be NFTs. */
  readonly managers?: Shapes;
  /** The share token is a contract of its own. */
  readonly ownShareToken?: true;
  /** Shares that are sent to the zero address are burned: none of its logs says whether they stay in the supply. */
  readonly burnsAtZero?: true;
  /** A factory tells of its pools by the logs that Uniswap's do. */
  readonly factories?: true;
  /** Its state says what one token is worth in the other. */
  readonly prices?: true;
  readonly valuations: readonly ("share-value" | "balances")[];
  readonly caveats: readonly Caveat[];
}
