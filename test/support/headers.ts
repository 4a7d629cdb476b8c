import { keccak256, toRlp } from "viem";

const EMPTY_ROOT = `0x${"56".repeat(32)}`;
const ORDER = [
  "parentHash",
  "sha3Uncles",
  "miner",
  "stateRoot",
  "transactionsRoot",
  "receiptsRoot",
  "logsBloom",
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "extraData",
  "mixHash",
  "nonce",
  "baseFeePerGas",
] as const;
const QUANTITIES: ReadonlySet<string> = new Set([
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "baseFeePerGas",
]);

/** A header as a node after London answers it. */
export function headerFields(block: {
  readonly number: number;
  readonly timestampSec: number;
  readonly parentHash: string;
  readonly stateRoot: string;
  readonly logsBloom: string;
}): Readonly<Record<string, string>> {
  const { number, timestampSec, ...rest } = block;
  return {
    ...rest,
    sha3Uncles: EMPTY_ROOT,
    miner: `0x${"00".repeat(20)}`,
    transactionsRoot: EMPTY_ROOT,
    receiptsRoot: EMPTY_ROOT,
    difficulty: "0x0",
    number: `0x${number.toString(16)}`,
    gasLimit: "0x1c9c380",
    gasUsed: "0x0",
    timestamp: `0x${timestampSec.toString(16)}`,
    extraData: "0x",
    mixHash: `0x${"00".repeat(32)}`,
    nonce: "0x0000000000000000",
    baseFeePerGas: "0x7",
  };
}

/** Its hash, by other code than the ledger's. */
export function headerHash(header: Readonly<Record<string, string>>): `0x${string}` {
  const encoded = ORDER.map((name): `0x${string}` => {
    const value = header[name] ?? "0x";
    if (!QUANTITIES.has(name)) return value as `0x${string}`;
    const digits = BigInt(value).toString(16);
    return BigInt(value) === 0n ? "0x" : `0x${digits.length % 2 === 0 ? "" : "0"}${digits}`;
  });
  return keccak256(toRlp(encoded));
}
