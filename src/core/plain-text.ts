/** Characters that move a terminal's cursor, break a line, turn the direction of writing or are not seen. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]+/g;

/** What a node, a token or a file says, as one line that a terminal and a log only show. */
export function plainText(text: string): string {
  return text.replace(UNSEEN, " ").replace(/ {2,}/g, " ").trim();
}

/** The same of several lines that are ours. */
export function plainLines(text: string): string {
  return text.replace(UNSEEN, (found) => found.replace(/[^\n]+/g, " "));
}

/** JSON with those characters written as escapes: the same JSON, which a terminal only shows. */
export function escapeUnseen(json: string): string {
  return json.replace(UNSEEN, (found) =>
    [...found].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}
