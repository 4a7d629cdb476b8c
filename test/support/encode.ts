import { type Abi, type AbiEvent, encodeAbiParameters, encodeEventTopics, type Hex } from "viem";
import type { Draft } from "./logs.ts";

/** Encodes one log by a published ABI. */
export function encodeLog(
  abi: readonly unknown[],
  address: string,
  name: string,
  values: Readonly<Record<string, unknown>>,
): Draft {
  const event = (abi as Abi).find(
    (each): each is AbiEvent => each.type === "event" && each.name === name && fits(each, values),
  );
  if (event === undefined) throw new Error(`no event ${name} takes these values`);
  const topics = encodeEventTopics({ abi: [event], eventName: name, args: values as never }) as Hex[];
  const plain = event.inputs.filter((input) => input.indexed !== true);
  const data = encodeAbiParameters(
    plain,
    plain.map((input) => values[input.name ?? ""]),
  );
  return { address, topics, data };
}

function fits({ inputs }: AbiEvent, values: Readonly<Record<string, unknown>>): boolean {
  if (inputs.length !== Object.keys(values).length) return false;
  return inputs.every(({ name = "", type }) => {
    const value = values[name];
    const length = /\[(\d+)\]$/.exec(type)?.[1];
    return value !== undefined && (length === undefined || (value as unknown[]).length === Number(length));
  });
}
