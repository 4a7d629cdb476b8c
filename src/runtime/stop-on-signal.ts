import type { Io } from "./context.ts";

const GRACE_MS = 10_000;

/** The first signal ends gracefully within a bound, the second at once. */
export function stopOnSignal(io: Io): { readonly signal: AbortSignal; abort(): void; end(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const unlisten = io.onSignal((name) => {
    if (controller.signal.aborted) io.exit(130);
    io.talk(`${name}: ending after the commit in progress, within ${GRACE_MS / 1000} s; once more ends at once\n`);
    timer = setTimeout(() => io.exit(75), GRACE_MS);
    controller.abort();
  });
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    end: () => {
      unlisten();
      clearTimeout(timer);
    },
  };
}
