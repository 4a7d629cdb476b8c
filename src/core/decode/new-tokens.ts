import { eventOf, tokenPosition } from "../accounting/post.ts";
import type { PositionToken } from "../accounting/working-set.ts";
import type { TickRange } from "../amm/ticks.ts";
import { broken } from "../errors.ts";
import { type Address, ZERO_ADDRESS } from "../hex.ts";
import type { Pool } from "../programme/programme.ts";
import type { DecodeContext, DecodedLog, UnboundTokens } from "./reading.ts";
import { losslessJson } from "./words.ts";

/**
 * Position NFTs minted in one transaction. Their pool is only known at their first liquidity, later in it; managers
 * that call out before they log let the token be transferred and deposited until then, and all of that counts.
 */
export class NewTokens implements UnboundTokens {
  readonly #logs = new Map<string, DecodedLog[]>();

  /**
   * Takes a log of a token whose pool is not known; those of tokens that were not minted in this transaction are
   * foreign.
   */
  note(manager: Address, tokenId: bigint, decoded: DecodedLog): void {
    const key = `${manager}|${tokenId}`;
    if (decoded.name === "Transfer" && decoded.values["from"] === ZERO_ADDRESS) this.#logs.set(key, [decoded]);
    else this.#logs.get(key)?.push(decoded);
  }

  mintedAt(manager: Address, tokenId: bigint): number | undefined {
    return this.#logs.get(`${manager}|${tokenId}`)?.[0]?.log.logIndex;
  }

  /**
   * Binds a token to its pool and range: everything that happened to it so far becomes events, in order.
   * @returns undefined where its mint was not seen
   * @throws V3-9 where it was transferred by another than its owner
   */
  bind(
    { books, place, emit }: DecodeContext,
    pool: Pool,
    manager: Address,
    id: bigint,
    range: TickRange,
  ): PositionToken | undefined {
    const tokenId = id.toString();
    const position = tokenPosition(pool, manager, tokenId);
    let owner: Address = ZERO_ADDRESS;
    for (const { log, name, values } of this.#logs.get(`${manager}|${tokenId}`) ?? []) {
      const isTransfer = name === "Transfer";
      if (isTransfer && values["from"] !== owner) {
        const why = `position token ${tokenId} is transferred by another than its owner`;
        throw broken("V3-9", pool, place, log, owner, values["from"] as Address, why);
      }
      const provider = values[isTransfer ? "to" : "newOwner"] as Address;
      if (isTransfer) owner = provider;
      emit(eventOf(pool, log, losslessJson(values), { name, provider, position, range, movement: null }));
    }
    return books.token(manager, tokenId);
  }
}
