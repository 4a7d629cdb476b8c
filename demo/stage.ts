import type { Hex } from "viem";
import type { Anvil } from "./anvil.ts";
import { ARTIFACTS, Contract, deploy, directMinter } from "./contracts.ts";

export const SQRT_PRICE_ONE = 1n << 96n;
const ZERO: Hex = `0x${"0".repeat(40)}`;
const SUPPLY = 10n ** 30n;
export const UINT_MAX = (1n << 256n) - 1n;

/** Everything the play needs: three tokens, a pair, two pools, their manager and routers. */
export interface Stage {
  readonly anvil: Anvil;
  /** Ascending by address. */
  readonly tokens: readonly [Contract, Contract, Contract];
  readonly router: Contract;
  readonly pair: Contract;
  readonly manager: Contract;
  readonly swapRouter: Contract;
  /** Of token 0 and 1 (fee 3000), and of token 1 and 2 (fee 500). */
  readonly pools: readonly [Contract, Contract];
  readonly minter: Contract;
  readonly owner: Hex;
  readonly actors: readonly Hex[];
  readonly startBlocks: { readonly pair: number; readonly pools: readonly [number, number] };
}

/** Deploys the real contracts, one block each second from `timestampSec` on. */
export async function setStage(anvil: Anvil, timestampSec: number): Promise<Stage> {
  const [owner, ...actors] = anvil.accounts as readonly [Hex, ...Hex[]];
  let now = timestampSec;
  const make = (artifact: Parameters<typeof deploy>[3], args: readonly unknown[] = []): Promise<Contract> =>
    deploy(anvil, now++, owner, artifact, args);
  const made = [
    await make(ARTIFACTS.token(), [SUPPLY]),
    await make(ARTIFACTS.token(), [SUPPLY]),
    await make(ARTIFACTS.token(), [SUPPLY]),
  ];
  const tokens = made.sort((a, b) => (a.address < b.address ? -1 : 1)) as unknown as Stage["tokens"];
  const weth = await make(ARTIFACTS.weth());
  const pairFactory = await make(ARTIFACTS.pairFactory(), [owner]);
  const router = await make(ARTIFACTS.router(), [pairFactory.address, weth.address]);
  const poolFactory = await make(ARTIFACTS.poolFactory());
  const manager = await make(ARTIFACTS.manager(), [poolFactory.address, weth.address, ZERO]);
  const swapRouter = await make(ARTIFACTS.swapRouter(), [poolFactory.address, weth.address]);
  const minter = await make(directMinter());
  const [a, b, c] = tokens;
  const create = async (tx: Parameters<Anvil["mine"]>[1]): Promise<number> => {
    const receipts = await anvil.mine(now++, tx);
    if (receipts.some((receipt) => receipt.status !== "0x1")) throw new Error("the stage could not be set");
    return Number(receipts[0]?.blockNumber);
  };
  const pairBlock = await create([pairFactory.tx(owner, "createPair", [a.address, b.address])]);
  const poolBlock = (x: Contract, y: Contract, fee: number): Promise<number> =>
    create([manager.tx(owner, "createAndInitializePoolIfNecessary", [x.address, y.address, fee, SQRT_PRICE_ONE])]);
  const pool0Block = await poolBlock(a, b, 3000);
  const pool1Block = await poolBlock(b, c, 500);
  const pair = new Contract(
    anvil,
    ARTIFACTS.pair().abi,
    String(await pairFactory.read("getPair", [a.address, b.address])) as Hex,
  );
  const poolAt = async (x: Contract, y: Contract, fee: number): Promise<Contract> =>
    new Contract(
      anvil,
      ARTIFACTS.pool().abi,
      String(await poolFactory.read("getPool", [x.address, y.address, fee])) as Hex,
    );
  const pools: Stage["pools"] = [await poolAt(a, b, 3000), await poolAt(b, c, 500)];
  const spenders = [router.address, manager.address, swapRouter.address];
  for (const token of tokens) {
    await create([...actors, minter.address].map((to) => token.tx(owner, "transfer", [to, SUPPLY / 100n])));
    await create(actors.flatMap((actor) => spenders.map((spender) => token.tx(actor, "approve", [spender, UINT_MAX]))));
  }
  await create(actors.map((actor) => pair.tx(actor, "approve", [router.address, UINT_MAX])));
  const startBlocks = { pair: pairBlock, pools: [pool0Block, pool1Block] as const };
  return { anvil, tokens, router, pair, manager, swapRouter, pools, minter, owner, actors, startBlocks };
}

/**
 * The programme file of the stage, as a user would write it: token 1 is worth one dollar, the others follow from the
 * pools.
 */
export function programmeOf(stage: Stage, finality: object = {}): object {
  const [a, b, c] = stage.tokens.map((token, i) => ({ address: token.address, symbol: "ABC"[i] ?? "", decimals: 18 }));
  const [pool0, pool1] = stage.pools;
  const managers = [stage.manager.address];
  const { pair, pools: blocks } = stage.startBlocks;
  return {
    chainId: 31337,
    quote: { symbol: "USD", decimals: 6 },
    finality,
    pools: [
      { protocol: "uniswap-v2", address: stage.pair.address, tokens: [a, b], startBlock: pair },
      { protocol: "uniswap-v3", address: pool0.address, tokens: [a, b], startBlock: blocks[0], managers },
      { protocol: "uniswap-v3", address: pool1.address, tokens: [b, c], startBlock: blocks[1], managers },
    ],
    prices: {
      [b?.address ?? ""]: { fixed: "1" },
      [a?.address ?? ""]: { pool: pool0.address },
      [c?.address ?? ""]: { pool: pool1.address },
    },
  };
}
