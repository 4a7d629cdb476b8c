import { type Day, dayEndSec } from "../core/day.ts";
import { e18Of } from "./numbers.ts";
import { ask, misshapen, type Sample, type Service } from "./service.ts";

/** Longer spans come in daily samples only (docs.coingecko.com, market chart range). */
const SPAN_SEC_MAX = 90 * 86_400;

/**
 * CoinGecko's prices at the ends of days, each the sample nearest to it within `distanceSecMax`; a day without one is
 * left out. One request covers up to 90 days.
 * @throws PRICE_SERVICE, PRICE_REFUSED
 */
export async function coingeckoPrices(
  service: Service,
  coin: { readonly id: string; readonly currency: string; readonly distanceSecMax: number },
  days: readonly Day[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Day, Sample>> {
  const { id, currency, distanceSecMax } = coin;
  const found = new Map<Day, Sample>();
  const ends = days.map((day) => ({ day, endSec: dayEndSec(day) })).sort((a, b) => a.endSec - b.endSec);
  while (ends.length > 0) {
    const fromSec = (ends[0]?.endSec ?? 0) - distanceSecMax;
    const count = ends.findLastIndex(({ endSec }) => endSec + distanceSecMax - fromSec <= SPAN_SEC_MAX) + 1;
    const some = ends.splice(0, Math.max(1, count));
    const toSec = (some.at(-1)?.endSec ?? 0) + distanceSecMax;
    const query = `vs_currency=${currency}&from=${fromSec}&to=${toSec}&precision=full`;
    const request = `/coins/${encodeURIComponent(id)}/market_chart/range?${query}`;
    const samples = samplesOf(service, await ask(service, request, signal));
    for (const { day, endSec } of some) {
      const nearest = nearestTo(samples, endSec);
      if (nearest !== undefined && Math.abs(nearest.atSec - endSec) <= distanceSecMax) found.set(day, nearest);
    }
  }
  return found;
}

function samplesOf(service: Service, answer: unknown): readonly Sample[] {
  const { prices } = (answer ?? {}) as { prices?: unknown };
  if (!Array.isArray(prices)) throw misshapen(service, "a list of prices", prices);
  return prices.flatMap((pair: unknown): readonly Sample[] => {
    const [ms, price] = Array.isArray(pair) ? (pair as readonly unknown[]) : [];
    if (price === "null" || price === null) return []; // A hole in the series.
    const priceE18 = e18Of(price);
    if (typeof ms !== "string" || !/^\d{10,16}$/.test(ms) || priceE18 === undefined)
      throw misshapen(service, "[milliseconds, price]", JSON.stringify(pair));
    return priceE18 > 0n ? [{ atSec: Math.floor(Number(ms) / 1000), priceE18 }] : [];
  });
}

/** The sample nearest to a time, of two equally near the earlier. */
function nearestTo(samples: readonly Sample[], atSec: number): Sample | undefined {
  return samples.reduce<Sample | undefined>((best, each) => {
    if (best === undefined) return each;
    const [near, nearest] = [Math.abs(each.atSec - atSec), Math.abs(best.atSec - atSec)];
    return near < nearest || (near === nearest && each.atSec < best.atSec) ? each : best;
  }, undefined);
}
