import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import UPlot from "uplot";
import type { Loaded, Quote, Value } from "./api.ts";

const LOCALE = navigator.language;

/** Exact decimal text of an integer with so many places. */
export function exact(units: string, decimals: number): string {
  const negative = units.startsWith("-");
  const digits = (negative ? units.slice(1) : units).padStart(decimals + 1, "0");
  const fraction = decimals === 0 ? "" : `.${digits.slice(digits.length - decimals)}`;
  return `${negative ? "-" : ""}${digits.slice(0, digits.length - decimals)}${fraction}`;
}

function rough(units: string, decimals: number, places: number): string {
  return Number(exact(units, decimals)).toLocaleString(LOCALE, {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

/** Money in the reader's locale, exact on hover. */
export function Money({ value, quote }: { readonly value: Value | null; readonly quote: Quote }) {
  if (value === null) return <span class="muted">not priced</span>;
  return (
    <span title={`${exact(value.units, value.decimals)} ${quote.symbol}`}>
      {rough(value.units, value.decimals, 2)} <small>{quote.symbol}</small>
    </span>
  );
}

/** Tokens in the reader's locale, exact on hover. */
export function Tokens({
  units,
  decimals,
  symbol,
}: {
  readonly units: string;
  readonly decimals: number;
  readonly symbol: string;
}) {
  return (
    <span title={`${exact(units, decimals)} ${symbol}`}>
      {rough(units, decimals, 4)} <small>{symbol}</small>
    </span>
  );
}

export function number(value: number): string {
  return value.toLocaleString(LOCALE);
}

/** An address as a link, with a button that copies it whole. */
export function Address({ of, link = true }: { readonly of: string; readonly link?: boolean }) {
  const [copied, setCopied] = useState(false);
  const short = of.length > 20 ? `${of.slice(0, 8)}…${of.slice(-6)}` : of;
  const copy = (): void => {
    void navigator.clipboard?.writeText(of).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    });
  };
  return (
    <span class="address">
      {link ? (
        <a href={`#/provider/${of}`} title={of}>
          {short}
        </a>
      ) : (
        <code title={of}>{short}</code>
      )}
      <button type="button" class="copy" onClick={copy} aria-label={copied ? "copied" : `copy ${of}`}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          {copied ? <path d="M2 8.500l4 4 8-9" /> : <path d="M5 5V2h9v9h-3M2 5h9v9H2z" />}
        </svg>
      </button>
    </span>
  );
}

/** What to show while an answer is not there, and when it cannot be had. */
export function Shown<T>({
  of,
  children,
}: {
  readonly of: Loaded<T>;
  readonly children: (data: T, quote: Quote) => ComponentChildren;
}) {
  if (of.answer === undefined)
    return of.error === undefined ? (
      <p class="empty" aria-busy="true">
        Loading…
      </p>
    ) : (
      <p class="error" role="alert">
        {of.error}
      </p>
    );
  return (
    <>
      {of.error === undefined ? null : (
        <p class="error" role="alert">
          This is what was known; asking again failed: {of.error}
        </p>
      )}
      {children(of.answer.data, of.answer.quote)}
    </>
  );
}

const COLOURS = ["#1f6f8b", "#c2571a", "#3a7d34", "#8a3ffc", "#b28600", "#a8324e", "#00796b", "#5c6bc0"];

export interface Line {
  readonly label: string;
  /** A gap where a value is not known. */
  readonly values: readonly (number | null)[];
}

/** Lines over days, with the same as text for who does not see them. */
export function Chart({
  title,
  days,
  lines,
}: {
  readonly title: string;
  readonly days: readonly string[];
  readonly lines: readonly Line[];
}) {
  const holder = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = holder.current;
    if (element === null || days.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const [ink, grid] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
    const axis = {
      stroke: ink ?? "#333",
      grid: { stroke: grid ?? "#ddd", width: 1 },
      ticks: { stroke: grid ?? "#ddd", width: 1 },
    };
    const format = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 4 });
    const date = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });
    const plot = new UPlot(
      {
        width: element.clientWidth,
        height: 220,
        cursor: { drag: { x: false, y: false } },
        legend: { live: false },
        scales: { x: { time: true } },
        axes: [
          {
            ...axis,
            space: 70,
            incrs: [1, 2, 7, 14, 28, 84, 168, 336].map((count) => count * 86_400),
            values: (_, ticks) => ticks.map((tick) => date.format(tick * 1e3)),
          },
          { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => format.format(tick)) },
        ],
        tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
        series: [
          {},
          ...lines.map(({ label }, i) => ({
            label,
            stroke: COLOURS[i % COLOURS.length] ?? "#000",
            width: 2,
            points: { show: days.length < 40, size: 5 },
          })),
        ],
      },
      [days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000), ...lines.map(({ values }) => [...values])],
      element,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 220 }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [days.join(), JSON.stringify(lines)]);
  if (days.length === 0) return <p class="empty">No day is closed yet.</p>;
  const newest = lines
    .map(({ label, values }) => `${label}: ${values.at(-1)?.toLocaleString(LOCALE) ?? "not priced"}`)
    .join("; ");
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div ref={holder} role="img" aria-label={`${title}, ${days[0]} to ${days.at(-1)}. Newest: ${newest}`} />
    </figure>
  );
}

/** A range of ticks with where the price stands. */
export function Range({
  lower,
  upper,
  tick,
  inRange,
}: {
  readonly lower: number;
  readonly upper: number;
  readonly tick: number | null;
  readonly inRange: boolean | null;
}) {
  const ends = tick === null ? [lower, upper] : [Math.min(lower, tick), Math.max(upper, tick)];
  const span = Math.max(1, (ends[1] ?? 0) - (ends[0] ?? 0)) * 1.2;
  const from = (ends[0] ?? 0) - span / 12;
  const x = (at: number): number => ((at - from) / span) * 100;
  const text = `ticks ${lower} to ${upper}${tick === null ? "" : `, the price at ${tick}`}: ${inRange === null ? "state unknown" : inRange ? "in range" : "out of range"}`;
  return (
    <svg class="range" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={text}>
      <title>{text}</title>
      <rect x="0" y="5" width="100" height="2" class="track" />
      <rect x={x(lower)} y="3" width={Math.max(1, x(upper) - x(lower))} height="6" class={inRange ? "in" : "out"} />
      {tick === null ? null : <rect x={x(tick) - 0.5} y="0" width="1" height="12" class="price" />}
    </svg>
  );
}

/** A table that scrolls by itself where it is wider than the page. */
export function Table({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label={name} tabIndex={0}>
      <table>
        <caption class="hidden">{name}</caption>
        {children}
      </table>
    </section>
  );
}

/** A tier's name. */
export function tierName(tier: number | null): string {
  return tier === null ? "unknown" : tier === 0 ? "none" : `tier ${tier}`;
}

/** A multiplier in basis points, as people say it. */
export function multiplier(bp: number | null): string {
  return bp === null
    ? ""
    : `×${(bp / 10_000).toLocaleString(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 4 })}`;
}

/** Time since then, in words. */
export function ago(iso: string): string {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 1000));
  const words = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
  const [size, unit] = (
    [
      [86_400, "day"],
      [3_600, "hour"],
      [60, "minute"],
      [1, "second"],
    ] as const
  ).find(([size]) => seconds >= size) ?? [1, "second"];
  return words.format(-Math.floor(seconds / size), unit);
}

/** Asks for the rows behind those that are shown. */
export function More({ load }: { readonly load: (() => void) | undefined }) {
  if (load === undefined) return null;
  return (
    <p>
      <button type="button" onClick={load}>
        Show more
      </button>
    </p>
  );
}
