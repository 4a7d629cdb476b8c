import { secretsOf } from "../chain/rpc/redact.ts";
import { LpLedgerError } from "../core/errors.ts";
import { toHash } from "../core/hex.ts";
import type { Programme } from "../core/programme/programme.ts";
import { createLogger, type Logger, readableLine } from "../log.ts";
import { ChainThread } from "../runtime/chain-thread.ts";
import { type CommonOptions, contextOf, type Io, rpcsOf, upgradeText, withNewOrOld } from "../runtime/context.ts";
import { DaemonProcess } from "../runtime/daemon-process.ts";
import { HttpThread, httpDataOf } from "../runtime/http-thread.ts";
import { keepHeapSmall } from "../runtime/platform.ts";
import { stopOnSignal } from "../runtime/stop-on-signal.ts";
import type { Settings } from "../settings.ts";

export interface StartOptions extends CommonOptions {
  readonly once?: boolean;
  readonly acceptDeepReorg?: string;
}

/** Follows the chain until it is told to stop, or with `--once` until the head is reached. */
export async function start(io: Io, { once = false, ...options }: StartOptions): Promise<void> {
  const context = contextOf(io, options);
  const rpcs = rpcsOf(io, context.settings);
  const { settings, programme } = context;
  const log = loggerOf(io, settings);
  const acceptDeepReorg = options.acceptDeepReorg === undefined ? undefined : toHash(options.acceptDeepReorg);
  const stop = stopOnSignal(io);
  const worker = io.beginChain?.();
  if (worker !== undefined) keepHeapSmall();
  const thread = worker && new ChainThread(settings, worker);
  let http: HttpThread | undefined;
  try {
    await withNewOrOld(settings, async (store, upgrade) => {
      if (upgrade !== undefined) log.warn({ ...upgrade }, upgradeText(upgrade));
      http = once ? undefined : await startHttp(settings, programme, log);
      const daemon = new DaemonProcess({ context, store, rpcs, thread, http, io, log, once, acceptDeepReorg }, stop);
      const ended = await daemon.run();
      if (once && ended === "stopped")
        throw new LpLedgerError("transient", "STOPPED", "it was stopped before the head was reached", {
          hint: "start it again: nothing is lost, the ledger goes on from its last commit",
        });
    });
  } finally {
    await Promise.all([http?.close(), thread?.close()]);
    stop.end();
  }
}

function loggerOf(io: Io, { logLevel: level, endpoints, wsUrl }: Settings): Logger {
  const urls = [...endpoints.map(({ url }) => url), ...(wsUrl === undefined ? [] : [wsUrl])];
  const write = (line: string): void => io.talk(io.isTerminal ? readableLine(line) : line);
  return createLogger({ level, secrets: urls.flatMap(secretsOf), write });
}

/** Begins the HTTP thread where a port is set; the file exists by now. */
async function startHttp(settings: Settings, programme: Programme, log: Logger): Promise<HttpThread | undefined> {
  const data = httpDataOf(settings, programme);
  if (data === undefined) return undefined;
  return HttpThread.start(data, {
    onListening: (url) => log.info({ url }, "answering over HTTP, read-only"),
    onRestart: (reason, waitMs) => log.error({ reason, waitMs }, "the HTTP thread was ended and is begun again"),
    onProblem: (problem) => log.error({ problem }, "a question over HTTP could not be answered"),
  });
}
