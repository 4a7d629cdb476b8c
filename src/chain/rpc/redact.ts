/** Shorter parts, and plain numbers, are no keys; replacing them would only garble the log. */
const KEY = /^(?!\d+$).{6,}$/;

/**
 * Every part of an endpoint's URL that must never be seen: the URL whole and without its scheme, its host unless
 * loopback, user, password, both in base64, path segments and query values, each also percent-decoded. Longest first.
 */
export function secretsOf(url: string): readonly string[] {
  const parsed = new URL(url);
  const secrets = new Set<string>([url, parsed.href, parsed.username, parsed.password]);
  secrets.add(`${parsed.host}${parsed.pathname}${parsed.search}`);
  const user = `${decoded(parsed.username)}:${decoded(parsed.password)}`;
  // As the header carries it, which nodes were seen to echo.
  if (user !== ":") for (const form of ["base64", "base64url"] as const) secrets.add(Buffer.from(user).toString(form));
  const loopback = ["localhost", "[::1]"].includes(parsed.hostname) || parsed.hostname.startsWith("127.");
  if (!loopback) secrets.add(parsed.hostname);
  for (const segment of parsed.pathname.split("/")) if (KEY.test(segment)) secrets.add(segment);
  for (const value of parsed.searchParams.values()) if (KEY.test(value)) secrets.add(value);
  for (const secret of [...secrets]) secrets.add(decoded(secret));
  return [...secrets].filter((secret) => secret.length > 2).sort((a, b) => b.length - a.length);
}

/** Replaces every secret in a text. */
export function redact(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, "[redacted]"), text);
}

/** Percent-decoded, or as it is where it is not encoded. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
