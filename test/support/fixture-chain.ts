import { FakeChain } from "./fake-chain.ts";

/** The chain that the ledgers in test/fixtures were made of: it must stay the same for ever. */
export function fixtureChain(): FakeChain {
  const chain = new FakeChain({ secondsPerBlock: 20_000 });
  chain.grow(14, 5);
  return chain;
}
