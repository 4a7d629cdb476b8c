import { type Finding, type Status, useAnswer } from "./api.ts";
import { ago, number, Shown } from "./parts.tsx";

/** What whoever runs the ledger wants to see. */
export function Operator({ pulse }: { readonly pulse: number }) {
  const status = useAnswer<Status>("/v1/status", pulse);
  const findings = useAnswer<readonly Finding[]>("/v1/findings", pulse);
  return (
    <>
      <h1>Operation</h1>
      <Shown of={status}>
        {(data) => (
          <>
            {data.halted === null ? null : (
              <p class="error" role="alert">
                Halted: {data.halted.message}
              </p>
            )}
            {data.silent === null ? null : (
              <p class="error" role="alert">
                No node answers; the last one did {ago(data.silent.since)}: {data.silent.why}
              </p>
            )}
            {data.quarantines.map(({ pool, wrapper, firstDay, finding }) => (
              <p class="error" role="alert" key={`${pool} ${wrapper}`}>
                {wrapper === null ? `Pool ${pool}` : `The wrapper ${wrapper} of pool ${pool}`} is in quarantine since{" "}
                {firstDay}: {finding.identity} did not hold, expected {finding.expected}, actual {finding.actual}.
                Nothing of it counts from there on; everything else goes on.
              </p>
            ))}
            <dl>
              <dt>Chain</dt>
              <dd>{data.chainId ?? "not seen yet"}</dd>
              <dt>Last commit</dt>
              <dd>
                {data.tip === null ? "none yet" : <span title={data.tip.processedAt}>{ago(data.tip.processedAt)}</span>}
              </dd>
              <dt>Final block</dt>
              <dd>{data.final === null ? "none yet" : number(data.final)}</dd>
              <dt>Settled (read twice) up to</dt>
              <dd>
                {data.settled === null ? "nothing yet" : number(data.settled)}
                {data.repairs.count === 0
                  ? ""
                  : `; ${number(data.repairs.count)} blocks repaired, the last ${data.repairs.lastBlock}`}
              </dd>
              <dt>Events, open positions</dt>
              <dd>
                {number(data.events)}, {number(data.openPositions)}
              </dd>
              <dt>Reorgs undone</dt>
              <dd>{number(data.reorgs)}</dd>
              <dt>Days closed</dt>
              <dd>
                {number(data.daysClosed)}
                {data.unpricedDays.length === 0
                  ? ""
                  : `, of which ${data.totals.unpricedDays} lack a price (last ${data.unpricedDays.at(-1)})`}
              </dd>
            </dl>
            <h2>Endpoints</h2>
            {data.endpoints.length === 0 ? (
              <p class="empty">Not written down yet.</p>
            ) : (
              <ul>
                {data.endpoints.map((endpoint) => (
                  <li key={endpoint.id}>
                    {endpoint.id}
                    {endpoint.used ? " (in use)" : ""}:{" "}
                    <span class={endpoint.healthy ? "good" : "bad"}>
                      {endpoint.healthy ? "well" : (endpoint.lastError ?? "not well")}
                    </span>
                    {endpoint.head === null ? "" : `, head ${number(endpoint.head)}`}
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </Shown>
      <h2>Findings</h2>
      <Shown of={findings}>
        {(rows) =>
          rows.length === 0 ? (
            <p class="empty">Every identity held.</p>
          ) : (
            <ul>
              {rows.map((each) => (
                <li key={`${each.identity} ${each.blockNumber} ${each.logIndex}`}>
                  <strong class={each.resolution ? "muted" : "bad"}>{each.identity}</strong> at block{" "}
                  {number(each.blockNumber)}: expected {each.expected}, actual {each.actual}
                  {each.resolution ? ` (${each.resolution})` : ""}
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
    </>
  );
}
