import { managerShapes } from "../../src/core/decode/position-manager.ts";
import { uniswapV2Shapes } from "../../src/core/decode/uniswap-v2.ts";
import { uniswapV3Shapes } from "../../src/core/decode/uniswap-v3.ts";
import type { EventShape, Value } from "../../src/core/decode/words.ts";
import { toAddress, toHash } from "../../src/core/hex.ts";

/** A log before it has a place in a block. */
export interface Draft {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

const byName = (shapes: ReadonlyMap<string, EventShape>): ReadonlyMap<string, EventShape> =>
  new Map([...shapes.values()].map((shape) => [shape.name, shape]));
const SHAPES = { pair: byName(uniswapV2Shapes), pool: byName(uniswapV3Shapes), manager: byName(managerShapes) };

/** Encodes one log as the contract of that kind would emit it. */
export function draft(
  kind: keyof typeof SHAPES,
  address: string,
  name: string,
  values: Readonly<Record<string, Value>>,
): Draft {
  const shape = SHAPES[kind].get(name);
  if (shape === undefined) throw new Error(`no event ${name} of a ${kind}`);
  const topics = [shape.topic0];
  let data = "0x";
  for (const field of shape.fields) {
    const value = values[field.name];
    if (value === undefined) throw new Error(`${name} needs ${field.name}`);
    const word = wordOf(value);
    if (field.topic) topics.push(`0x${word}`);
    else data += word;
  }
  return { address, topics, data };
}

/** The drafts as the logs of one transaction, in their order. */
export function logsOf(drafts: readonly Draft[]) {
  return drafts.map((each, logIndex) => ({
    ...each,
    address: toAddress(each.address),
    transactionHash: toHash(`0x${"7".repeat(64)}`),
    logIndex,
  }));
}

function wordOf(value: Value): string {
  if (typeof value === "object") throw new Error("lists are not encoded here");
  if (typeof value === "string") return value.slice(2).padStart(64, "0");
  return BigInt.asUintN(256, BigInt(value)).toString(16).padStart(64, "0");
}

/** A readable address: 0x, zeros, and the number. */
export function addressOf(number: number): `0x${string}` {
  return `0x${number.toString(16).padStart(40, "0")}`;
}
