import abi from "../../../abi/uniswap-v2-pair.json" with { type: "json" };
import { type Books, issuanceOf, type ReservesBook } from "../books.ts";
import type { Log } from "../chain.ts";
import { broken, invariant } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import { eventOf, type LedgerEvent, type Movement } from "../ledger.ts";
import type { Pool } from "../programme.ts";
import type { Emit, Place } from "./reading.ts";
import { decodeWords, eventShapes, losslessJson, type Values } from "./words.ts";

/** The events of a Uniswap V2 pair and its byte-equal forks, by topic0. */
export const uniswapV2Shapes = eventShapes(abi, ["Transfer", "Sync", "Mint", "Burn", "Swap"]);

const MINIMUM_LIQUIDITY = 1000n;

type Decoded =
  | { readonly name: "Transfer"; readonly from: Address; readonly to: Address; readonly value: bigint }
  | { readonly name: "Sync"; readonly reserve0: bigint; readonly reserve1: bigint }
  | { readonly name: "Mint" | "Burn"; readonly amount0: bigint; readonly amount1: bigint }
  | {
      readonly name: "Swap";
      readonly amount0In: bigint;
      readonly amount1In: bigint;
      readonly amount0Out: bigint;
      readonly amount1Out: bigint;
    };

/**
 * Applies one log of a pair. The ledger is the ERC-20 `Transfer` of the share token alone; `Mint` and `Burn` name the
 * caller and are kept as evidence; `Sync` is the pool's state (Uniswap v2-core, UniswapV2Pair).
 */
export function readPairLog(books: Books, pool: Pool, log: Log, place: Place, emit: Emit): void {
  const shape = uniswapV2Shapes.get(log.topics[0] ?? "");
  if (shape === undefined) return;
  const values = decodeWords(shape, log);
  const decoded = { name: shape.name, ...values } as unknown as Decoded;
  const book = books.reserves(pool);
  switch (decoded.name) {
    case "Transfer": {
      const movement = movementOf(pool, decoded);
      requireFirstMint(pool, book.supply, decoded, movement, log, place);
      emit(heard(pool, log, "Transfer", values, movement));
      if (movement.from === "issuance") book.supply += decoded.value;
      if (movement.to === "issuance") book.supply -= decoded.value;
      // The locked minimum goes to nobody: the deposit it comes with has a transfer of its own.
      if (movement.from === "issuance" && decoded.to !== ZERO_ADDRESS) book.issued += decoded.value;
      if (movement.to === "issuance") book.redeemed += decoded.value;
      requireSupply(books, pool, log, place);
      return;
    }
    case "Sync":
      book.before = book.reserves;
      book.reserves = [decoded.reserve0, decoded.reserve1];
      return;
    case "Mint":
      emit(heard(pool, log, "Mint", values, null));
      requireShares(pool, book, "issued", log, place);
      requireReserves(books, pool, [decoded.amount0, decoded.amount1], log, place);
      return;
    case "Burn":
      emit(heard(pool, log, "Burn", values, null));
      requireShares(pool, book, "redeemed", log, place);
      return;
    case "Swap":
      requireReserves(
        books,
        pool,
        [decoded.amount0In - decoded.amount0Out, decoded.amount1In - decoded.amount1Out],
        log,
        place,
      );
  }
}

/** From zero is a mint; from the pair to zero is a burn; a plain transfer to zero leaves the supply as it is. */
function movementOf(pool: Pool, transfer: { from: Address; to: Address; value: bigint }): Movement {
  const { from, to, value: amount } = transfer;
  if (from === ZERO_ADDRESS) return { from: "issuance", to, amount };
  if (from === pool.address && to === ZERO_ADDRESS) return { from, to: "issuance", amount };
  return { from, to, amount };
}

/** The credited side, or for a burn the pair that gives the shares up. */
function heard(pool: Pool, log: Log, name: string, values: Values, movement: Movement | null): LedgerEvent {
  const side = movement?.to === "issuance" ? movement.from : movement?.to;
  const provider = side === undefined || side === "issuance" ? null : side;
  return eventOf(pool, log, losslessJson(values), { name, provider, position: "", range: null, movement });
}

/** A pair's life begins with the locked minimum; any other beginning means that we came too late. */
function requireFirstMint(
  pool: Pool,
  supply: bigint,
  transfer: { to: Address; value: bigint },
  movement: Movement,
  log: Log,
  place: Place,
): void {
  if (pool.caveats.includes("no-locked-minimum")) return;
  if (supply !== 0n || movement.from !== "issuance" || transfer.value === 0n) return;
  if (transfer.to === ZERO_ADDRESS && transfer.value === MINIMUM_LIQUIDITY) return;
  const expected = `first mint of ${MINIMUM_LIQUIDITY} to the zero address`;
  const actual = `mint of ${transfer.value} to ${transfer.to}`;
  throw broken(
    "V2-1",
    pool,
    place,
    log,
    expected,
    actual,
    "the pair's first mint is missing: start at or before the block that created it, or name the caveat no-locked-minimum where a migrator made the pair",
  );
}

/** V2-1: a Mint or Burn comes after the share transfer that it reports. */
function requireShares(pool: Pool, book: ReservesBook, side: "issued" | "redeemed", log: Log, place: Place): void {
  const moved = book[side];
  book.issued = 0n;
  book.redeemed = 0n;
  if (moved > 0n) return;
  const why = `no shares were ${side} before the log that reports it: a share transfer is missing`;
  throw broken("V2-1", pool, place, log, "more than 0", moved, why);
}

/** V2-1: the sum of all accounts is the supply that mints and burns add up to. */
function requireSupply(books: Books, pool: Pool, log: Log, place: Place): void {
  const { supply } = books.reserves(pool);
  const issuance = books.balance(issuanceOf(pool));
  invariant(supply >= 0n, "SUPPLY_SIGN", `the supply of ${pool.address} fell to ${supply}`);
  if (issuance === -supply) return;
  throw broken("V2-1", pool, place, log, supply, -issuance, "the holders' shares do not sum to the supply");
}

/** V2-2: the reserves moved by exactly what the log says came in and went out. */
function requireReserves(books: Books, pool: Pool, moved: readonly [bigint, bigint], log: Log, place: Place): void {
  if (pool.caveats.includes("fee-on-transfer")) return;
  const { reserves, before } = books.reserves(pool);
  for (const side of [0, 1] as const) {
    const change = reserves === null ? undefined : reserves[side] - (before?.[side] ?? 0n);
    if (change === moved[side]) continue;
    throw broken(
      "V2-2",
      pool,
      place,
      log,
      moved[side],
      change ?? "no Sync yet",
      `the reserve of token${side} moved by another amount than the log says`,
    );
  }
}
