import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useLive } from "./api.ts";
import { EpochPage, Epochs } from "./epochs.tsx";
import { Operator } from "./operator.tsx";
import { Overview } from "./overview.tsx";
import { ProviderPage, Providers } from "./providers.tsx";
import "uplot/dist/uPlot.min.css";
import "./style.css";

const PAGES = [
  ["#/", "Overview"],
  ["#/providers", "Providers"],
  ["#/epochs", "Epochs"],
  ["#/operation", "Operation"],
] as const;

function App() {
  const [hash, setHash] = useState(location.hash || "#/");
  const live = useLive();
  useEffect(() => {
    const moved = (): void => {
      setHash(location.hash || "#/");
      scrollTo(0, 0);
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const [, page = "", of = ""] = hash.split("/");
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header>
        <a class="brand" href="#/">
          lp-ledger
        </a>
        <nav aria-label="Pages">
          {PAGES.map(([to, name]) => (
            <a key={to} href={to} aria-current={to === `#/${page}` ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <a href="/api">API</a>
      </header>
      <div aria-live="polite">
        {live.connected ? null : (
          <p class="error banner" role="alert">
            The ledger does not answer. What is shown is what was known; this page goes on as soon as it is back.
          </p>
        )}
        {live.reorg === undefined ? null : <p class="notice banner">{live.reorg}</p>}
      </div>
      <main id="main">
        {page === "" ? <Overview pulse={live.pulse} /> : null}
        {page === "providers" ? <Providers pulse={live.pulse} /> : null}
        {page === "provider" ? <ProviderPage of={of} pulse={live.pulse} /> : null}
        {page === "epochs" ? <Epochs pulse={live.pulse} /> : null}
        {page === "epoch" ? <EpochPage of={of} pulse={live.pulse} /> : null}
        {page === "operation" ? <Operator pulse={live.pulse} /> : null}
        {["", "providers", "provider", "epochs", "epoch", "operation"].includes(page) ? null : (
          <p class="empty">
            There is no such page. <a href="#/">Overview</a>
          </p>
        )}
      </main>
      <footer>
        Every number follows from the chain's logs, is exact on hover, and can be checked with lp-ledger verify.
      </footer>
    </>
  );
}

const root = document.getElementById("app");
if (root !== null) {
  root.textContent = "";
  render(<App />, root);
}
