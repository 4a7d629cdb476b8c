declare const brand: unique symbol;
/** A UTC day as YYYY-MM-DD. */
export type Day = string & { readonly [brand]: "Day" };

export const DAY_SECONDS = 86_400;

/** The UTC day that holds a block timestamp (seconds). */
export function dayOf(timestampSec: number): Day {
  return isoOf(timestampSec).slice(0, 10) as Day;
}

/** First second of a day. */
export function dayStartSec(day: Day): number {
  return Date.parse(`${day}T00:00:00Z`) / 1000;
}

/** First second after a day. */
export function dayEndSec(day: Day): number {
  return dayStartSec(day) + DAY_SECONDS;
}

export function nextDay(day: Day): Day {
  return dayOf(dayEndSec(day));
}

/** The day so many days later; earlier where `days` is below zero. */
export function daysAfter(day: Day, days: number): Day {
  return dayOf(dayStartSec(day) + days * DAY_SECONDS);
}

/** Whether a text names a day of the calendar. */
export function isDay(text: string): text is Day {
  const sec = /^\d{4}-\d{2}-\d{2}$/.test(text) ? dayStartSec(text as Day) : Number.NaN;
  return !Number.isNaN(sec) && dayOf(sec) === text;
}

let [newestSec, newestIso] = [0, "1970-01-01T00:00:00Z"];

/** Block timestamp in seconds as ISO-8601 UTC text without fractions. */
export function isoOf(timestampSec: number): string {
  if (timestampSec !== newestSec) [newestSec, newestIso] = [timestampSec, isoTextOf(timestampSec)]; // A block has many rows.
  return newestIso;
}

let [newestDay, newestDayText] = [0, "1970-01-01T"];
const two = (number: number): string => (number < 10 ? `0${number}` : `${number}`);

function isoTextOf(timestampSec: number): string {
  const day = Math.floor(timestampSec / DAY_SECONDS);
  if (day !== newestDay) [newestDay, newestDayText] = [day, isoByDate(day * DAY_SECONDS).slice(0, 11)];
  const sec = timestampSec - day * DAY_SECONDS;
  if (!Number.isInteger(sec)) return isoByDate(timestampSec);
  return `${newestDayText}${two(Math.floor(sec / 3600))}:${two(Math.floor(sec / 60) % 60)}:${two(sec % 60)}Z`;
}

function isoByDate(timestampSec: number): string {
  return `${new Date(timestampSec * 1000).toISOString().slice(0, 19)}Z`;
}

/** The inverse of `isoOf`. */
export function secOf(iso: string): number {
  return Date.parse(iso) / 1000;
}
