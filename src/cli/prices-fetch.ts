import { type Day, isoOf } from "../core/day.ts";
import { formatPriceE18 } from "../core/decimal.ts";
import { LpLedgerError } from "../core/errors.ts";
import type { Address } from "../core/hex.ts";
import type { PriceSource, Programme } from "../core/programme/programme.ts";
import { coingeckoPrices } from "../prices/coingecko.ts";
import { defillamaPrices } from "../prices/defillama.ts";
import type { Sample, Service, ServiceResponse } from "../prices/service.ts";
import { type CommonOptions, contextOf, type Io, withOperator } from "../runtime/context.ts";
import { systemClock } from "../runtime/platform.ts";
import type { Settings } from "../settings.ts";
import type { ImportedPrice } from "../store/prices.ts";
import type { Store } from "../store/store.ts";
import { jsonAnswer } from "./table.ts";

type Fetched = Extract<PriceSource, { readonly kind: "coingecko" | "defillama" }>;

/** Tokens asked for in one run at most: a loop over a long history goes on with the next run. */
const DAYS_MAX = 1_000;

interface Outcome {
  readonly token: Address;
  readonly source: string;
  readonly asked: number;
  readonly added: number;
  readonly problem: string | null;
}

/** Asks the price services of the programme file for every closed day that still lacks one of their tokens. */
export async function pricesFetch(io: Io, options: CommonOptions): Promise<void> {
  const { settings, programme } = contextOf(io, options);
  const { signal } = new AbortController();
  const problems: LpLedgerError[] = [];
  const outcomes = await withOperator(settings, async (store) => {
    const keep = (response: ServiceResponse): void =>
      store.write(() => store.prices.keepResponse(response, store.nowIso()));
    const made: Outcome[] = [];
    for (const [token, sources] of programme.prices) {
      let days = missingDays(store, token).slice(0, DAYS_MAX);
      for (const source of sources.filter(isFetched)) {
        if (days.length === 0) break;
        const service = serviceOf(io, settings, source.kind, keep);
        const name = source.kind === "coingecko" ? source.id : source.coin;
        let problem: LpLedgerError | undefined;
        const found = await samplesOf(service, source, programme, days, signal).catch((error: unknown) => {
          if (!(error instanceof LpLedgerError)) throw error;
          problem = error;
          problems.push(error);
          return new Map<Day, Sample>();
        });
        const prices = [...found].map(
          ([date, { priceE18, atSec }]): ImportedPrice => ({
            kind: source.kind,
            token,
            date,
            priceE18,
            source: `${source.kind} ${name} at ${isoOf(atSec)}`,
          }),
        );
        const added = store.write(() => prices.filter((price) => store.prices.add(price, store.nowIso())).length);
        made.push({
          token,
          source: `${source.kind} ${name}`,
          asked: days.length,
          added,
          problem: problem?.message ?? null,
        });
        days = days.filter((day) => !found.has(day));
        if (!options.json)
          for (const { date, priceE18, source: from } of prices)
            io.out(`${date}  ${token}  ${formatPriceE18(priceE18)}  ${from}\n`);
      }
    }
    return made;
  });
  if (options.json) io.out(jsonAnswer(outcomes));
  else if (outcomes.length === 0) io.talk("no price is missing that a service could tell\n");
  else
    for (const { token, source, asked, added, problem } of outcomes)
      io.talk(`${token}: ${added} of ${asked} days from ${source}${problem === null ? "" : `; ${problem}`}\n`);
  // What a second source could tell is not missing any more: only what nobody told is a failure.
  const [first] = problems;
  const unresolved = outcomes.some(
    ({ token, problem }) =>
      problem !== null &&
      !outcomes.some((each) => each.token === token && each.problem === null && each.added === each.asked),
  );
  if (first !== undefined && unresolved) throw first;
}

function isFetched(source: PriceSource): source is Fetched {
  return source.kind === "coingecko" || source.kind === "defillama";
}

/** Closed days that wait for a price and have none of this token, neither used nor imported. */
function missingDays(store: Store, token: Address): readonly Day[] {
  const kinds = ["coingecko", "defillama"] as const;
  return store.prices
    .unpricedDays()
    .filter((day) => !store.prices.ofDay(day).has(token))
    .filter((day) => kinds.every((kind) => store.prices.broughtIn(token, day, kind) === undefined));
}

function samplesOf(
  service: Service,
  source: Fetched,
  { quote }: Programme,
  days: readonly Day[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Day, Sample>> {
  if (source.kind === "defillama") return defillamaPrices(service, source, days, signal);
  return coingeckoPrices(service, { ...source, currency: quote.symbol.toLowerCase() }, days, signal);
}

function serviceOf(io: Io, settings: Settings, name: Fetched["kind"], onResponse: Service["onResponse"]): Service {
  const { coingecko, defillamaUrl, rpcTimeoutMs: timeoutMs } = settings;
  const common = { name, fetch: io.fetch, clock: systemClock, timeoutMs, onResponse };
  if (name === "defillama") return { ...common, url: defillamaUrl, headers: {} };
  const plan = new URL(coingecko.url).hostname.startsWith("pro-") ? "pro" : "demo";
  const headers: Record<string, string> =
    coingecko.key === undefined ? {} : { [`x-cg-${plan}-api-key`]: coingecko.key };
  return { ...common, url: coingecko.url, headers };
}
