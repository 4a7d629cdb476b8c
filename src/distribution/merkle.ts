import { SimpleMerkleTree } from "@openzeppelin/merkle-tree";
import type { Hex } from "viem";
import { invariant } from "../core/errors.ts";
import { checksummed, keccakOfHex } from "../core/keccak.ts";
import { type Payout, type PayoutFile, type PayoutToken, readAddress, readAmount } from "./payouts.ts";

const ENCODING = ["address", "uint256"];

/** OpenZeppelin's `standard-v1` dump of a StandardMerkleTree over (address, uint256). */
interface Dump {
  readonly format: string;
  readonly leafEncoding: readonly string[];
  readonly tree: readonly Hex[];
  readonly values: readonly { readonly value: readonly [string, string]; readonly treeIndex: number }[];
}

/** A tree's dump as OpenZeppelin's library writes it, and every recipient's proof in a file of its own. */
export function merkleFiles(
  name: string,
  token: PayoutToken,
  payouts: readonly Payout[],
): { readonly root: Hex; readonly files: readonly PayoutFile[] } {
  // The library builds the tree. Its StandardMerkleTree would encode each leaf at ten times the cost of hashing it, and
  // sort them as integers; the dump is the same.
  const leaves = new Leaves();
  const sorted = payouts.map((each) => leaves.of(each)).sort();
  const built = SimpleMerkleTree.of(sorted, { sortLeaves: false }).dump();
  const places = new Map(built.values.map(({ value, treeIndex }) => [value, treeIndex]));
  const dump: Dump = {
    format: "standard-v1",
    leafEncoding: ENCODING,
    tree: built.tree as readonly Hex[],
    values: payouts.map((payout) => ({
      value: [checksummed(payout.recipient), `${payout.amount}`],
      treeIndex: places.get(leaves.of(payout)) ?? -1,
    })),
  };
  const tree = { name: `${name}.merkle.json`, text: `${JSON.stringify(dump)}\n` };
  const read = readTree(tree.text, leaves);
  const proofs = proofsText(token, dump);
  return {
    root: nodeAt(read.nodes, 0),
    files: [
      { ...tree, payouts: [...read.places.keys()] },
      { name: `${name}.proofs.json`, text: proofs, payouts: readProofs(proofs, read) },
    ],
  };
}

/** A tree out of a file, of which every hash was found right. */
interface ReadTree {
  readonly nodes: readonly Hex[];
  /** Where each payout's leaf stands. */
  readonly places: ReadonlyMap<Payout, number>;
}

function proofsText({ address, chainId, symbol, decimals }: PayoutToken, { tree, values }: Dump): string {
  const claims = values.map(({ value: [recipient, amount], treeIndex }) => {
    const proof: Hex[] = [];
    for (let at = treeIndex; at > 0; at = parentOf(at)) proof.push(nodeAt(tree, siblingOf(at)));
    return [recipient, { amount, proof }] as const;
  });
  const head = { root: tree[0], token: checksummed(address), chainId, symbol, decimals, leafEncoding: ENCODING };
  return `${JSON.stringify({ ...head, claims: Object.fromEntries(claims) })}\n`;
}

/**
 * Reads a dump without the library that wrote it: every leaf is hashed from its value and every node from its children.
 * @throws FILE_TREE where a hash is not right
 */
function readTree(text: string, leaves: Leaves): ReadTree {
  const { format, leafEncoding, tree: nodes, values } = JSON.parse(text) as Dump;
  const wrong = (what: string): string => `the tree that was written is not one: ${what}`;
  invariant(format === "standard-v1" && `${leafEncoding}` === `${ENCODING}`, "FILE_TREE", wrong("another format"));
  invariant(nodes.length === 2 * values.length - 1, "FILE_TREE", wrong("its size"));
  const places = new Map<Payout, number>();
  for (const { value, treeIndex } of values) {
    const [recipient, amount] = value;
    const payout = { recipient: readAddress(recipient), amount: readAmount(amount) };
    invariant(nodes[treeIndex] === leaves.of(payout), "FILE_TREE", wrong(`the leaf of ${recipient}`));
    places.set(payout, treeIndex);
  }
  for (let at = values.length - 2; at >= 0; at--) {
    const hash = parentHash(nodeAt(nodes, 2 * at + 1), nodeAt(nodes, 2 * at + 2));
    invariant(nodes[at] === hash, "FILE_TREE", wrong(`node ${at}`));
  }
  return { nodes, places };
}

/**
 * Reads proofs: each must name, from its leaf up to the root, the siblings in a tree whose hashes are right.
 * @throws FILE_PROOF
 */
function readProofs(text: string, { nodes, places }: ReadTree): readonly Payout[] {
  const { root, claims } = JSON.parse(text) as {
    readonly root: Hex;
    readonly claims: Readonly<Record<string, { readonly amount: string; readonly proof: readonly Hex[] }>>;
  };
  const leaf = new Map([...places].map(([{ recipient, amount }, at]) => [recipient, { amount, at }]));
  return Object.entries(claims).map(([name, { amount: text, proof }]) => {
    const [recipient, amount] = [readAddress(name), readAmount(text)];
    const known = leaf.get(recipient);
    let at = known?.amount === amount ? known.at : -1;
    for (const node of proof) at = at > 0 && node === nodes[siblingOf(at)] ? parentOf(at) : -1;
    invariant(at === 0 && root === nodes[0], "FILE_PROOF", `the proof of ${name} does not hold`);
    return { recipient, amount };
  });
}

/** keccak256(keccak256(abi.encode(address, uint256))), remembered while one distribution is written and read. */
class Leaves {
  readonly #known = new Map<string, Hex>();

  of({ recipient, amount }: Payout): Hex {
    const key = recipient + amount;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const encoded = recipient.slice(2).padStart(64, "0") + amount.toString(16).padStart(64, "0");
    const leaf = keccakOfHex(keccakOfHex(`0x${encoded}`));
    this.#known.set(key, leaf);
    return leaf;
  }
}

function parentHash(a: Hex, b: Hex): Hex {
  const [low, high] = a < b ? [a, b] : [b, a];
  return keccakOfHex(low, high);
}

function nodeAt(tree: readonly Hex[], at: number): Hex {
  const node = tree[at];
  invariant(node !== undefined && /^0x[0-9a-f]{64}$/.test(node), "FILE_TREE", `the tree has no node ${at}`);
  return node;
}

function parentOf(at: number): number {
  return Math.floor((at - 1) / 2);
}

function siblingOf(at: number): number {
  return at % 2 === 0 ? at - 1 : at + 1;
}
