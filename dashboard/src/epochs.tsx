import { type Epoch, type EpochWhole, type RewardRow, useAnswer, usePages } from "./api.ts";
import { Address, More, number, Shown, Table, Tokens, tierName } from "./parts.tsx";

const PAGE = 50;

/** All epochs with their sums. */
export function Epochs({ pulse }: { readonly pulse: number }) {
  const pages = usePages<Epoch>(`/v1/epochs?limit=${PAGE}`, pulse, ({ epoch }) => `${epoch}`);
  return (
    <>
      <h1>Reward epochs</h1>
      <Shown of={pages.first}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="empty">No epoch has been calculated yet.</p>
          ) : (
            <>
              <Table name={`Epochs and what they give`}>
                <thead>
                  <tr>
                    <th scope="col">Epoch</th>
                    <th scope="col">Days</th>
                    <th scope="col">State</th>
                    <th scope="col" class="right">
                      Budget
                    </th>
                    <th scope="col" class="right">
                      Allocated
                    </th>
                    <th scope="col" class="right">
                      To pay
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {pages.rows(rows).flatMap((epoch) =>
                    epoch.tokens.map((token) => (
                      <tr key={`${epoch.epoch} ${token.address}`}>
                        <td>
                          <a href={`#/epoch/${epoch.epoch}`}>{epoch.epoch}</a>
                        </td>
                        <td>
                          {epoch.first} <span class="muted">until</span> {epoch.end}
                        </td>
                        <td>{epoch.state}</td>
                        {[token.budget, token.allocated, token.paid].map((units, i) => (
                          <td key={["budget", "allocated", "paid"][i]} class="right">
                            <Tokens units={units} decimals={token.decimals} symbol={token.symbol} />
                          </td>
                        ))}
                      </tr>
                    )),
                  )}
                </tbody>
              </Table>
              <More load={pages.more} />
            </>
          )
        }
      </Shown>
    </>
  );
}

/** One epoch with everybody it gives something. */
export function EpochPage({ of, pulse }: { readonly of: string; readonly pulse: number }) {
  const loaded = useAnswer<EpochWhole>(`/v1/epochs/${of}`, pulse);
  return (
    <>
      <h1>Epoch {of}</h1>
      <Shown of={loaded}>
        {(epoch) => (
          <>
            <p>
              {epoch.first} until {epoch.end}, {epoch.state}; at block {number(epoch.blockNumber)}.
            </p>
            <p class="muted">
              Result <code class="wide">{epoch.resultHash}</code>
            </p>
            {epoch.tokens.map((token, i) => (
              <section key={token.address}>
                <h2>{token.symbol}</h2>
                <p>
                  Budget <Tokens units={token.budget} decimals={token.decimals} symbol={token.symbol} />,{" "}
                  {epoch.state === "final" ? "pays" : "would pay"}{" "}
                  <Tokens units={token.paid} decimals={token.decimals} symbol={token.symbol} />
                  {token.carriedOut === "0" ? "" : ", carried on "}
                  {token.carriedOut === "0" ? null : (
                    <Tokens units={token.carriedOut} decimals={token.decimals} symbol={token.symbol} />
                  )}
                  {token.left === "0" ? "" : token.leftGoes === "refund" ? ", given back " : ", rolled on "}
                  {token.left === "0" ? null : (
                    <Tokens units={token.left} decimals={token.decimals} symbol={token.symbol} />
                  )}
                  .
                </p>
                <Rewards
                  of={of}
                  epoch={epoch}
                  token={token}
                  providers={epoch.rewards[i]?.providers ?? 0}
                  pulse={pulse}
                />
              </section>
            ))}
          </>
        )}
      </Shown>
    </>
  );
}

/** What everybody gets of one token, page by page. */
function Rewards({
  of,
  epoch,
  token,
  providers,
  pulse,
}: {
  readonly of: string;
  readonly epoch: Epoch;
  readonly token: Epoch["tokens"][number];
  readonly providers: number;
  readonly pulse: number;
}) {
  const path = `/v1/epochs/${of}/rewards?token=${token.address}&limit=${PAGE}`;
  const pages = usePages<RewardRow>(path, pulse, ({ provider }) => provider);
  return (
    <Shown of={pages.first}>
      {(first) => (
        <>
          <p class="muted">
            {number(providers)} {providers === 1 ? "provider" : "providers"}
          </p>
          <Table name={`What everybody gets of ${token.symbol}`}>
            <thead>
              <tr>
                <th scope="col">Provider</th>
                <th scope="col">Tier</th>
                <th scope="col" class="right">
                  Share
                </th>
                <th scope="col" class="right">
                  Allocated
                </th>
                <th scope="col" class="right">
                  To pay
                </th>
              </tr>
            </thead>
            <tbody>
              {pages.rows(first).map((row) => (
                <tr key={row.provider}>
                  <td>
                    <Address of={row.provider} />
                  </td>
                  <td>{tierName(row.tier)}</td>
                  <td class="right">
                    {epoch.totalWeight === "0"
                      ? ""
                      : `${((Number(row.weight) / Number(epoch.totalWeight)) * 100).toFixed(2)} %`}
                  </td>
                  <td class="right">
                    <Tokens units={row.amount} decimals={token.decimals} symbol={token.symbol} />
                  </td>
                  <td class="right">
                    <Tokens units={row.paid} decimals={token.decimals} symbol={token.symbol} />
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
          <More load={pages.more} />
        </>
      )}
    </Shown>
  );
}
