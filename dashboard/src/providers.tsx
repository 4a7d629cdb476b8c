import { useState } from "preact/hooks";
import { ask, type Pool, type Position, type Provider, type Ranked, useAnswer, usePages } from "./api.ts";
import {
  Address,
  Chart,
  exact,
  Money,
  More,
  multiplier,
  number,
  Range,
  Shown,
  Table,
  Tokens,
  tierName,
} from "./parts.tsx";

const PAGE = 50;

/** Every provider, the largest first, found by the beginning of its address. */
export function Providers({ pulse }: { readonly pulse: number }) {
  const [search, setSearch] = useState("");
  const prefix = search.trim().toLowerCase();
  const valid = prefix === "" || /^0x[0-9a-f]{0,40}$/.test(prefix);
  const path = `/v1/providers?limit=${PAGE}${prefix === "" || !valid ? "" : `&search=${prefix}`}`;
  const pages = usePages<Ranked>(path, pulse, ({ provider }) => provider);
  return (
    <>
      <h1>Providers</h1>
      <search>
        <label for="search">Find by address</label>
        <input
          id="search"
          type="search"
          placeholder="0x…"
          value={search}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => setSearch(event.currentTarget.value)}
          aria-invalid={!valid}
        />
        {valid ? null : <span class="error">an address begins with 0x and goes on with hex digits</span>}
      </search>
      <Shown of={pages.first}>
        {(rows, quote) => {
          const all = pages.rows(rows);
          if (all.length === 0)
            return (
              <p class="empty">
                {prefix === "" ? "Nobody has provided liquidity yet." : "No provider's address begins so."}
              </p>
            );
          return (
            <>
              <Table name={`Providers by value, the largest first`}>
                <thead>
                  <tr>
                    <th scope="col" class="right">
                      #
                    </th>
                    <th scope="col">Provider</th>
                    <th scope="col" class="right">
                      Value
                    </th>
                    <th scope="col">Tier</th>
                    <th scope="col">Since</th>
                  </tr>
                </thead>
                <tbody>
                  {all.map((row, i) => (
                    <tr key={row.provider}>
                      <td class="right">{prefix === "" ? i + 1 : ""}</td>
                      <td>
                        <Address of={row.provider} />
                      </td>
                      <td class="right">
                        <Money value={row.totalLiquidity} quote={quote} />
                      </td>
                      <td>{tierName(row.tier)}</td>
                      <td>{row.firstSeen}</td>
                    </tr>
                  ))}
                </tbody>
              </Table>
              <More load={pages.more} />
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** One provider: its value, tier, positions and rewards. */
export function ProviderPage({ of, pulse }: { readonly of: string; readonly pulse: number }) {
  const loaded = useAnswer<Provider>(`/v1/providers/${of}`, pulse);
  const pools = useAnswer<readonly Pool[]>("/v1/pools?limit=1000", pulse);
  return (
    <>
      <h1>Provider</h1>
      <p class="whole">
        <Address of={of} link={false} />
        <code class="wide">{of}</code>
      </p>
      <Shown of={loaded}>
        {(data, quote) => (
          <>
            <section class="cards" aria-label="What it has now">
              <div class="card">
                <div class="name">Value now</div>
                <div class="figure">
                  <Money value={data.totalLiquidity} quote={quote} />
                </div>
              </div>
              <div class="card">
                <div class="name">Tier</div>
                <div class="figure">
                  {tierName(data.tier.tier)} <small>{multiplier(data.tier.multiplierBp)}</small>
                </div>
              </div>
              <div class="card">
                <div class="name">First seen</div>
                <div class="figure">{data.firstSeen}</div>
              </div>
            </section>
            <TierProgress provider={data} quote={quote} />
            <section>
              <h2>Value over time</h2>
              <Chart
                title={`Average value of each day, in ${quote.symbol}`}
                days={data.days.map(({ date }) => date)}
                lines={[
                  {
                    label: "all pools",
                    values: data.days.map(({ value }) =>
                      value === null ? null : Number(exact(value.units, value.decimals)),
                    ),
                  },
                ]}
              />
            </section>
            <Positions of={of} pulse={pulse} pools={pools.answer?.data ?? []} />
            <Rewards provider={data} />
          </>
        )}
      </Shown>
    </>
  );
}

function TierProgress({
  provider: { tier },
  quote,
}: {
  readonly provider: Provider;
  readonly quote: { readonly symbol: string; readonly decimals: number };
}) {
  const { next, streakDays } = tier;
  if (streakDays === null) return null;
  if (next === null) return <p>In the highest tier, on day {streakDays} of its streak.</p>;
  const needed = streakDays + next.daysLeft;
  return (
    <section>
      <h2>Next tier</h2>
      <p>
        Tier {next.tier} <small>{multiplier(next.multiplierBp)}</small>
        {next.daysLeft > 0
          ? ` in ${number(next.daysLeft)} ${next.daysLeft === 1 ? "day" : "days"}, if the streak holds`
          : ""}
        {next.value.units === "0" ? "" : " on days of at least "}
        {next.value.units === "0" ? null : <Money value={next.value} quote={quote} />}.
      </p>
      <progress
        max={Math.max(1, needed)}
        value={streakDays}
        aria-label={`day ${streakDays} of ${needed} towards tier ${next.tier}`}
      />
    </section>
  );
}

function Positions({
  of,
  pulse,
  pools,
}: {
  readonly of: string;
  readonly pulse: number;
  readonly pools: readonly Pool[];
}) {
  const pages = usePages<Position>(`/v1/providers/${of}/positions?limit=${PAGE}`, pulse, (each) =>
    [each.pool, each.position, each.via].join(" "),
  );
  const nameOf = (address: string): string => {
    const pool = pools.find((each) => each.pool === address);
    return pool === undefined ? address.slice(0, 10) : pool.tokens.map(({ symbol }) => symbol).join("/");
  };
  return (
    <section>
      <h2>Positions</h2>
      <Shown of={pages.first}>
        {(first) =>
          first.length === 0 ? (
            <p class="empty">It holds nothing at present.</p>
          ) : (
            <>
              <Table name={`Open positions with their ranges`}>
                <thead>
                  <tr>
                    <th scope="col">Pool</th>
                    <th scope="col">Position</th>
                    <th scope="col">Range and price</th>
                    <th scope="col" class="right">
                      Liquidity
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {pages.rows(first).map((position) => (
                    <tr key={`${position.pool} ${position.position} ${position.via}`}>
                      <td title={position.pool}>{nameOf(position.pool)}</td>
                      <td>
                        {position.position ?? "shares"}
                        {position.via === null ? null : (
                          <small title={position.via}> {position.credited ? "staked" : "staked, not counted"}</small>
                        )}
                      </td>
                      <td>
                        {position.tickLower === null || position.tickUpper === null ? (
                          <span class="muted">whole range</span>
                        ) : (
                          <>
                            <Range
                              lower={position.tickLower}
                              upper={position.tickUpper}
                              tick={position.tick}
                              inRange={position.inRange}
                            />
                            <small class={position.inRange ? "good" : "muted"}>
                              {position.inRange ? "in range" : "out of range"}
                            </small>
                          </>
                        )}
                      </td>
                      <td class="right">
                        <span title={position.liquidity}>
                          {Number(position.liquidity).toLocaleString(navigator.language, {
                            notation: "scientific",
                            maximumFractionDigits: 3,
                          })}
                        </span>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </Table>
              <More load={pages.more} />
            </>
          )
        }
      </Shown>
    </section>
  );
}

function Rewards({ provider }: { readonly provider: Provider }) {
  const { rewards } = provider;
  const download = (epoch: number): void => {
    void ask<object>(`/v1/epochs/${epoch}/proofs/${provider.provider}`).then((answer) => {
      const url = URL.createObjectURL(new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }));
      const link = Object.assign(document.createElement("a"), {
        href: url,
        download: `proof-epoch-${epoch}-${provider.provider}.json`,
      });
      link.click();
      URL.revokeObjectURL(url);
    });
  };
  return (
    <section>
      <h2>Rewards</h2>
      {rewards.length === 0 ? (
        <p class="empty">No epoch gives it anything yet.</p>
      ) : (
        <Table name={`Rewards by epoch`}>
          <thead>
            <tr>
              <th scope="col">Epoch</th>
              <th scope="col">State</th>
              <th scope="col" class="right">
                Allocated
              </th>
              <th scope="col" class="right">
                To pay
              </th>
              <th scope="col">Proof</th>
            </tr>
          </thead>
          <tbody>
            {rewards.map((row) => (
              <tr key={`${row.epoch} ${row.token}`}>
                <td>
                  <a href={`#/epoch/${row.epoch}`}>{row.epoch}</a>
                </td>
                <td>{row.state}</td>
                <RewardAmounts row={row} />
                <td>
                  {row.state === "final" && row.paid !== "0" ? (
                    <button
                      type="button"
                      onClick={() => download(row.epoch)}
                      aria-label={`download the proof for epoch ${row.epoch}`}
                    >
                      Download
                    </button>
                  ) : (
                    <span class="muted">–</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      )}
    </section>
  );
}

function RewardAmounts({ row }: { readonly row: Provider["rewards"][number] }) {
  const epochs = useAnswer<
    readonly {
      readonly epoch: number;
      readonly tokens: readonly { readonly address: string; readonly symbol: string; readonly decimals: number }[];
    }[]
  >("/v1/epochs", 0);
  const token = epochs.answer?.data
    .find(({ epoch }) => epoch === row.epoch)
    ?.tokens.find(({ address }) => address === row.token);
  const cell = (units: string) =>
    token === undefined ? units : <Tokens units={units} decimals={token.decimals} symbol={token.symbol} />;
  return (
    <>
      <td class="right">{cell(row.amount)}</td>
      <td class="right">{cell(row.paid)}</td>
    </>
  );
}
