import { useRef } from "preact/hooks";
import { type DayTotal, type Pool, type Ranked, type Stats, type Status, useAnswer } from "./api.ts";
import { Address, ago, Chart, exact, Money, multiplier, number, Shown, tierName } from "./parts.tsx";

const TOP = 10;

export function Overview({ pulse }: { readonly pulse: number }) {
  const status = useAnswer<Status>("/v1/status", pulse);
  const stats = useAnswer<Stats>("/v1/stats", pulse);
  return (
    <>
      <h1>Overview</h1>
      <section aria-label="State of the ledger" class="cards">
        <Shown of={status}>{(data) => <Sync status={data} />}</Shown>
        <Shown of={stats}>
          {(data, quote) => (
            <>
              <Card name="Total value">
                <Money value={data.totalLiquidity} quote={quote} />
              </Card>
              <Card name="Providers">{number(data.providers)}</Card>
            </>
          )}
        </Shown>
      </section>
      <Totals pulse={pulse} until={stats.answer?.block?.time} />
      <div class="columns">
        <section>
          <h2>Tiers</h2>
          <Shown of={stats}>{(data) => <Tiers stats={data} />}</Shown>
        </section>
        <section>
          <h2>Largest providers</h2>
          <Leaders pulse={pulse} />
          <p>
            <a href="#/providers">All providers</a>
          </p>
        </section>
      </div>
    </>
  );
}

function Card({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <div class="card">
      <div class="name">{name}</div>
      <div class="figure">{children}</div>
    </div>
  );
}

const DURATION_UNITS = [
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
] as const;

/** How long the ledger needs for so many blocks, by how it has come on while the page is open. */
function useTimeLeft(tip: number | undefined, behind: number): string {
  const first = useRef<{ readonly tip: number; readonly ms: number }>(undefined);
  if (tip === undefined || behind <= 0) return "";
  first.current ??= { tip, ms: Date.now() };
  const seconds = (Date.now() - first.current.ms) / 1000;
  const perSecond = (tip - first.current.tip) / Math.max(1, seconds);
  if (perSecond <= 0) return "";
  const left = behind / perSecond;
  const [size, unit] = DURATION_UNITS.find(([size]) => left >= size) ?? [60, "minute"];
  const count = Math.max(1, Math.round(left / size));
  return `, about ${count} ${unit}${count === 1 ? "" : "s"} left`;
}

function Sync({ status }: { readonly status: Status }) {
  const { tip, halted, silent, lastReorg, endpoints } = status;
  const head = Math.max(tip?.number ?? 0, ...endpoints.map((each) => each.head ?? 0));
  const behind = tip === null ? null : head - tip.number;
  const timeLeft = useTimeLeft(tip?.number, behind ?? 0);
  return (
    <>
      <Card name="Ledger">
        {halted !== null ? (
          <span class="bad">halted</span>
        ) : silent !== null ? (
          <span class="bad">no node answers</span>
        ) : tip === null ? (
          "waiting for the first block"
        ) : behind === 0 ? (
          "at the head"
        ) : (
          `${number(behind ?? 0)} blocks behind${timeLeft}`
        )}
      </Card>
      <Card name="Block">
        {tip === null ? "–" : <span title={`${tip.hash}, ${tip.time}`}>{number(tip.number)}</span>}
        {tip === null ? null : <small> {ago(tip.time)}</small>}
      </Card>
      <Card name="Last reorg">
        {lastReorg === null ? (
          "none seen"
        ) : (
          <span title={lastReorg.observedAt}>{`${lastReorg.depth} blocks, ${ago(lastReorg.observedAt)}`}</span>
        )}
      </Card>
    </>
  );
}

/** So that the newest days are in one answer, however many pools there are. */
const ROWS_MAX = 1_000;
const DAYS_SHOWN = 90;

/** The newest days, by the time of the ledger's own tip. */
function Totals({ pulse, until }: { readonly pulse: number; readonly until: string | undefined }) {
  const pools = useAnswer<readonly Pool[]>("/v1/pools?limit=1000", pulse);
  const count = Math.max(1, pools.answer?.data.length ?? 1);
  const shown = Math.max(2, Math.min(DAYS_SHOWN, Math.floor(ROWS_MAX / count)));
  const from =
    until === undefined ? "9999-12-31" : new Date(Date.parse(until) - shown * 86_400_000).toISOString().slice(0, 10);
  const days = useAnswer<readonly DayTotal[]>(`/v1/days?limit=${ROWS_MAX}&from=${from}`, pulse);
  const nameOf = (address: string): string => {
    const pool = pools.answer?.data.find((each) => each.pool === address);
    return pool === undefined
      ? address.slice(0, 8)
      : `${pool.tokens.map(({ symbol }) => symbol).join("/")} ${pool.protocol}`;
  };
  return (
    <section>
      <h2>Value over time</h2>
      <Shown of={days}>
        {(rows, quote) => {
          const dates = [...new Set(rows.map(({ date }) => date))];
          const lines = [...new Set(rows.map(({ pool }) => pool))].map((pool) => ({
            label: nameOf(pool),
            values: dates.map((date) => {
              const value = rows.find((row) => row.date === date && row.pool === pool)?.value;
              return value === null || value === undefined ? null : Number(exact(value.units, value.decimals));
            }),
          }));
          return <Chart title={`Average value of each day by pool, in ${quote.symbol}`} days={dates} lines={lines} />;
        }}
      </Shown>
    </section>
  );
}

function Tiers({ stats }: { readonly stats: Stats }) {
  const most = Math.max(1, ...stats.tiers.map(({ providers }) => providers));
  if (stats.tiers.length === 0) return <p class="empty">Nobody has provided liquidity yet.</p>;
  return (
    <ul class="bars">
      {stats.tiers.map(({ tier, multiplierBp, providers }) => (
        <li key={tier}>
          <span class="label">
            {tierName(tier)} <small>{multiplier(multiplierBp)}</small>
          </span>
          <meter min={0} max={most} value={providers} aria-label={`${tierName(tier)}: ${providers} providers`} />
          <span>{number(providers)}</span>
        </li>
      ))}
    </ul>
  );
}

function Leaders({ pulse }: { readonly pulse: number }) {
  const leaders = useAnswer<readonly Ranked[]>(`/v1/providers?limit=${TOP}`, pulse);
  return (
    <Shown of={leaders}>
      {(rows, quote) =>
        rows.length === 0 ? (
          <p class="empty">Nobody has provided liquidity yet.</p>
        ) : (
          <ol class="leaders">
            {rows.map((row) => (
              <li key={row.provider}>
                <Address of={row.provider} />
                <Money value={row.totalLiquidity} quote={quote} />
              </li>
            ))}
          </ol>
        )
      }
    </Shown>
  );
}
