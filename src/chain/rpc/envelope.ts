import { plainText } from "../../core/plain-text.ts";

/**
 * What an endpoint says instead of an answer, in whatever shape: JSON-RPC without an id, a gateway's object, a page.
 */
export interface Refusal {
  readonly code: unknown;
  readonly text: string;
}

/** Enough for whatever is said, and for what must not be told of it to be found whole. */
const TEXT_MAX = 4_000;
/** So much of a page is looked at. */
const PAGE_MAX = 20_000;
/** Names under which gateways say why. */
const REASONS = ["message", "error", "error_description", "detail", "details", "msg", "reason", "title", "description"];

/**
 * What an error says, which should be an object with a code and a message, and may be a text, a list or anything else.
 */
export function refusalOf(error: unknown): Refusal {
  if (typeof error !== "object" || error === null)
    return { code: undefined, text: short(String(error ?? "no message")) };
  const { code } = error as { code?: unknown };
  return { code, text: reasonIn(error) ?? "no message" };
}

/** The refusal in an answer that is no JSON-RPC; undefined where nothing is said in it. */
export function refusalIn(answer: unknown): Refusal | undefined {
  if (typeof answer === "string") return { code: undefined, text: short(answer) };
  if (typeof answer !== "object" || answer === null) return undefined;
  const { error, errors, code } = answer as { error?: unknown; errors?: unknown; code?: unknown };
  if (error !== undefined && error !== null) {
    const said = refusalOf(error);
    return { code: said.code ?? code, text: typeof error === "object" ? said.text : (reasonIn(answer) ?? said.text) };
  }
  if (Array.isArray(errors) && errors.length > 0) return refusalOf(errors[0]);
  const text = reasonIn(answer);
  return text === undefined ? undefined : { code, text };
}

function reasonIn(said: object): string | undefined {
  for (const name of REASONS) {
    const reason = (said as Readonly<Record<string, unknown>>)[name];
    if (typeof reason === "string" && reason.trim() !== "") return short(reason);
  }
  return undefined;
}

/** What a body that is no JSON says to a person: of a page its title, else its text. */
export function pageText(body: string): string {
  const page = body.slice(0, PAGE_MAX);
  const title = /<title[^>]{0,200}>([^<]{1,300})/i.exec(page)?.[1];
  return short(
    title ?? page.replace(/<(script|style)\b[^<]*(?:<(?!\/)[^<]*)*/gi, " ").replace(/<[^<>]{0,2000}>?/g, " "),
  );
}

function short(text: string): string {
  return plainText(text.slice(0, PAGE_MAX)).slice(0, TEXT_MAX);
}

const DEPTH_MAX = 200;
/** Less is parsed at once, however deep it is. */
const SHALLOW_BYTES = 65_536;

/** Whether a text of JSON nests deeper than any answer does; a parser takes minutes for a few megabytes of brackets. */
export function isTooDeep(text: string): boolean {
  if (text.length < SHALLOW_BYTES) return false;
  let depth = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const at = text.charCodeAt(i);
    if (isQuoted) {
      if (at === 92) i += 1;
      else if (at === 34) isQuoted = false;
    } else if (at === 34) isQuoted = true;
    else if (at === 91 || at === 123) {
      depth += 1;
      if (depth > DEPTH_MAX) return true;
    } else if (at === 93 || at === 125) depth -= 1;
  }
  return false;
}
