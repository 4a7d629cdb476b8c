import { keccakOfHex } from "./keccak.ts";
import { decodeRlp, encodeRlp, quantityDigits, type RlpItem } from "./rlp.ts";

/**
 * What a header says of itself. `authentic`: its hash is that of its fields, so none of them is false. `differs`: its
 * fields are those of a known form, and give another hash. `incomplete`: it has fewer. `unknown`: it has one that no
 * known form has.
 */
export type HeaderVerdict =
  | { readonly kind: "authentic" }
  | { readonly kind: "differs" | "incomplete"; readonly why: string }
  | { readonly kind: "unknown"; readonly why: string };

type RawHeader = Readonly<Record<string, unknown>>;
/** How a field's text becomes bytes: as it is, without leading zeros, or as so many bytes. */
type Coding = "bytes" | "quantity";
type Field = readonly [name: string, coding: Coding];

const quantity = (name: string): Field => [name, "quantity"];
const bytes = (name: string): Field => [name, "bytes"];

const FIRST: readonly Field[] = [
  ...["parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"].map(bytes),
  ...["difficulty", "number", "gasLimit", "gasUsed", "timestamp"].map(quantity),
  bytes("extraData"),
];
/** Ethereum and most chains like it. */
const SEAL: readonly Field[] = [bytes("mixHash"), bytes("nonce")];
/** AuRa (Gnosis and POA chains before the merge). */
const AURA_SEAL: readonly Field[] = [quantity("step"), bytes("signature")];
/** In order of the forks that brought them: EIP-1559, 4895, 4844 (two), 4788, 7685, and Amsterdam's two. */
const LATER: readonly Field[] = [
  quantity("baseFeePerGas"),
  bytes("withdrawalsRoot"),
  quantity("blobGasUsed"),
  quantity("excessBlobGas"),
  bytes("parentBeaconBlockRoot"),
  bytes("requestsHash"),
  bytes("blockAccessListHash"),
  quantity("slotNumber"),
];
/** Avalanche's C-Chain, up to streaming asynchronous execution. */
const AVALANCHE_LATER: readonly Field[] = [
  bytes("extDataHash"),
  ...["baseFeePerGas", "extDataGasUsed", "blockGasCost", "blobGasUsed", "excessBlobGas"].map(quantity),
  bytes("parentBeaconBlockRoot"),
  ...["timestampMilliseconds", "minDelayExcess", "targetExponent", "minPriceExponent"].map(quantity),
  ...["settledHeight", "settledGasUnix", "settledGasNumerator", "settledExcess"].map(quantity),
];
/** Celo before Gingerbread; the aggregated seal in its extra data is not hashed. */
const CELO: readonly Field[] = [
  ...["parentHash", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"].map(bytes),
  ...["number", "gasUsed", "timestamp"].map(quantity),
];
/** Tempo: what stands before and behind the standard header within it. */
const TEMPO_FIRST: readonly Field[] = ["mainBlockGeneralGasLimit", "sharedGasLimit", "timestampMillisPart"].map(
  quantity,
);
const TEMPO_CONTEXT: readonly Field[] = [...["epoch", "view", "parentView"].map(quantity), bytes("proposer")];

/** What nodes answer with a header that is not hashed. */
const UNHASHED: readonly string[] = [
  ...["hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals", "author", "sealFields", "mixDigest"],
  ...["l1BlockNumber", "sendRoot", "sendCount", "blockExtraData", "epochSnarkData", "randomness", "milliTimestamp"],
];
const KNOWN: ReadonlySet<string> = new Set([
  ...[...FIRST, ...SEAL, ...AURA_SEAL, ...LATER, ...AVALANCHE_LATER, ...TEMPO_FIRST].map(([name]) => name),
  ...UNHASHED,
  "consensusContext",
]);

/**
 * Judges a header in JSON-RPC's shape by its own hash; the form is chosen from its fields. Never throws. Nodes have
 * answered fields of a fork that was not there yet, so fewer of the later ones are tried, too: whatever hashes right is
 * authentic.
 */
export function judgeHeader(header: RawHeader): HeaderVerdict {
  const hash = String(header["hash"]).toLowerCase();
  let computed: string | undefined;
  let lack: string | undefined;
  try {
    for (const items of formsOf(header)) {
      const own = keccakOfHex(`0x${encodeRlp(items)}`);
      if (own === hash) return { kind: "authentic" };
      computed ??= own;
    }
  } catch (error) {
    lack = `cannot be hashed: ${(error as Error).message}`;
  }
  const foreign = Object.keys(header).filter((name) => !KNOWN.has(name) && has(header, name));
  if (foreign.length > 0)
    return { kind: "unknown", why: `has fields of a form that is not known: ${foreign.join(", ")}` };
  if (lack !== undefined) return { kind: "incomplete", why: lack };
  return {
    kind: "differs",
    why: `hashes to ${computed}, not to ${hash}: its time or another field is not the chain's`,
  };
}

/** What may have been hashed of a header, the likeliest first. */
function* formsOf(header: RawHeader): Generator<RlpItem> {
  if (has(header, "timestampMillisPart")) {
    const context = header["consensusContext"];
    const last = context === undefined || context === null ? [] : [all(context as RawHeader, TEMPO_CONTEXT)];
    for (const standard of standardForms(header)) yield [...all(header, TEMPO_FIRST), standard, ...last];
    return;
  }
  if (has(header, "extDataHash")) yield [...all(header, [...FIRST, ...SEAL]), ...present(header, AVALANCHE_LATER)];
  else if (has(header, "step") && has(header, "signature"))
    yield [...all(header, [...FIRST, ...AURA_SEAL]), ...present(header, LATER.slice(0, 1))];
  else if (!has(header, "sha3Uncles") && !has(header, "difficulty")) yield celo(header);
  else yield* standardForms(header);
}

function* standardForms(header: RawHeader): Generator<readonly string[]> {
  const first = all(header, [...FIRST, ...SEAL]);
  const later = present(header, LATER);
  for (let count = later.length; count >= 0; count--) yield [...first, ...later.slice(0, count)];
}

const VANITY_DIGITS = 2 * 32;
const ISTANBUL_ITEMS = 6;
const ISTANBUL_SEAL = 4;

/** Istanbul's extra data: 32 bytes, then RLP of six items of which the fifth, the seal, becomes three empty ones. */
function celo(header: RawHeader): RlpItem {
  const extra = digitsOf(header, bytes("extraData"));
  const istanbul = decodeRlp(extra.slice(VANITY_DIGITS));
  if (typeof istanbul === "string" || istanbul.length !== ISTANBUL_ITEMS)
    throw new Error("its extra data is not Istanbul's");
  const emptied = encodeRlp(istanbul.map((item, i) => (i === ISTANBUL_SEAL ? ["", "", ""] : item)));
  return [...all(header, CELO), extra.slice(0, VANITY_DIGITS) + emptied];
}

function has(header: RawHeader, name: string): boolean {
  return header[name] !== undefined && header[name] !== null;
}

function all(header: RawHeader, fields: readonly Field[]): readonly string[] {
  return fields.map((field) => digitsOf(header, field));
}

function present(header: RawHeader, fields: readonly Field[]): readonly string[] {
  return all(
    header,
    fields.filter(([name]) => has(header, name)),
  );
}

const HEX = /^(?:[0-9a-f]{2})*$/i;

function digitsOf(header: RawHeader, [name, coding]: Field): string {
  const value = header[name];
  if (value === undefined || value === null) throw new Error(`it has no ${name}`);
  const text = String(value);
  // Old nodes answer some fields in decimal, and signatures without 0x.
  if (coding === "quantity") return quantityDigits(BigInt(text));
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (!HEX.test(digits)) throw new Error(`its ${name} is not hexadecimal`);
  return digits;
}
