import type { Hex } from "viem";
import { describe, expect, it } from "vitest";
import { type Contract, compiled, deploy } from "../../demo/contracts.ts";
import { seeded } from "../../demo/life.ts";
import type { Address } from "../../src/core/hex.ts";
import { merkleFiles } from "../../src/distribution/merkle.ts";
import { inOrder } from "../../src/distribution/payouts.ts";
import { liveChain } from "../support/anvil.ts";

let claims: Contract;
liveChain(1, async ({ stage, nowSec }) => {
  const contract = compiled(new URL("../support/Claims.sol", import.meta.url), "Claims");
  claims = await deploy(stage.anvil, nowSec + 1, stage.owner, contract, []);
});

const TOKEN = { address: `0x${"cc".repeat(20)}` as Address, chainId: 31337, symbol: "RWD", decimals: 18 };

function payoutsOf(count: number) {
  const random = seeded(count);
  const digit = (): string => Math.floor(random() * 16).toString(16);
  const recipients = Array.from({ length: count }, () => `0x${Array.from({ length: 40 }, digit).join("")}` as Address);
  return inOrder(
    recipients.map((recipient) => ({ recipient, amount: BigInt(Math.floor(random() * 1e15) + 1) * 10n ** 9n })),
  );
}

describe("the proofs of a distribution", () => {
  it.each([[1], [2], [3], [7], [400]])(
    "are accepted by OpenZeppelin's MerkleProof, all %i of them, and no changed one is",
    async (count) => {
      const { root, files } = merkleFiles("RWD", TOKEN, payoutsOf(count));
      const text = files.find(({ name }) => name.endsWith("proofs.json"))?.text ?? "";
      const { claims: all } = JSON.parse(text) as { claims: Record<Hex, { amount: string; proof: readonly Hex[] }> };
      const honest = Object.entries(all).map(
        ([recipient, { amount, proof }]) => [root, recipient, BigInt(amount), proof] as const,
      );
      expect(honest).toHaveLength(count);
      expect(new Set(await claims.readAll("holds", honest))).toEqual(new Set([true]));
      const another = `0x${"ab".repeat(20)}`;
      const changed = honest.flatMap(([, recipient, amount, proof]) => [
        [root, recipient, amount + 1n, proof],
        [root, another, amount, proof],
        [`0x${"01".repeat(32)}`, recipient, amount, proof],
        ...(proof.length === 0 ? [] : [[root, recipient, amount, proof.slice(1)]]),
      ]);
      expect(new Set(await claims.readAll("holds", changed))).toEqual(new Set([false]));
    },
  );
});
