import type { Abi } from "viem";
import { type Address, toAddress } from "../../core/hex.ts";
import { plainText } from "../../core/plain-text.ts";
import type { ViewCall } from "./contract-reader.ts";

/** A view function by name, with the types of its arguments and of the first value it returns. */
export interface ViewFunction {
  readonly name: string;
  readonly inputs?: readonly string[];
  readonly output: "address" | "uint256" | "string" | "bytes32" | "bool";
}

/** The question of a view function to a contract, its answer as plain text. */
export function call(
  to: Address,
  { name, inputs = [], output }: ViewFunction,
  args: readonly unknown[] = [],
): ViewCall {
  const typed = (type: string) => ({ name: "", type });
  const abi = [
    { type: "function", stateMutability: "view", name, inputs: inputs.map(typed), outputs: [typed(output)] },
  ] as unknown as Abi;
  const pick = (result: unknown): string =>
    output === "address"
      ? toAddress(result)
      : output === "bytes32"
        ? textOf(String(result))
        : plainText(String(result));
  return { to, abi, functionName: name, args, pick };
}

/** The text in 32 bytes, as early tokens give their symbol. @throws where it is none */
function textOf(bytes32: string): string {
  const text = Buffer.from(bytes32.slice(2), "hex").toString("utf8").replace(/\0+$/, "");
  if (text === "" || /[^\x20-\x7e]/.test(text)) throw new Error("no text");
  return text;
}
