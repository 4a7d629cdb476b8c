import { type Day, dayEndSec } from "../core/day.ts";
import { e18Of } from "./numbers.ts";
import { ask, misshapen, type Sample, type Service } from "./service.ts";

/**
 * DefiLlama's prices at the ends of days, where it has a sample within `distanceSecMax` of which it is confident
 * enough; a coin that it does not know is missing in its answer, and here. One request a day.
 * @throws PRICE_SERVICE, PRICE_REFUSED
 */
export async function defillamaPrices(
  service: Service,
  asked: { readonly coin: string; readonly distanceSecMax: number; readonly confidenceMinE18: bigint },
  days: readonly Day[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Day, Sample>> {
  const { coin, distanceSecMax, confidenceMinE18 } = asked;
  const found = new Map<Day, Sample>();
  for (const day of days) {
    const endSec = dayEndSec(day);
    const answer = await ask(service, `/prices/historical/${endSec}/${encodeURIComponent(coin)}`, signal);
    const { coins } = (answer ?? {}) as { coins?: unknown };
    if (typeof coins !== "object" || coins === null) throw misshapen(service, "an object of coins", coins);
    const entry = Object.entries(coins).find(([key]) => key.toLowerCase() === coin.toLowerCase())?.[1] as
      | { readonly price?: unknown; readonly timestamp?: unknown; readonly confidence?: unknown }
      | undefined;
    if (entry === undefined) continue;
    const [priceE18, atE18] = [e18Of(entry.price), e18Of(entry.timestamp)];
    if (priceE18 === undefined || atE18 === undefined)
      throw misshapen(service, "price and timestamp", JSON.stringify(entry));
    const atSec = Number(atE18 / 10n ** 18n);
    const confidence = e18Of(entry.confidence) ?? 0n; // What is not vouched for is not believed.
    if (priceE18 <= 0n || Math.abs(atSec - endSec) > distanceSecMax || confidence < confidenceMinE18) continue;
    found.set(day, { atSec, priceE18 });
  }
  return found;
}
