import { type CommonOptions, type Io, settingsOf, withWriter } from "../runtime/context.ts";
import { systemClock } from "../runtime/platform.ts";
import { vacuum } from "../store/file/upkeep.ts";

/** Compacts the file (VACUUM), offline; refuses while a daemon runs or where there is no room. */
export async function optimize(io: Io, options: CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  await withWriter(io, settings, async (store) => {
    const startedAt = store.nowIso();
    const startedMs = systemClock.nowMs();
    const outcome = vacuum(store.db);
    const seconds = (systemClock.nowMs() - startedMs) / 1000;
    store.write(() => store.insertMaintenance({ kind: "vacuum", startedAt, seconds, outcome }));
    if (options.json) io.out(`${JSON.stringify({ ...outcome, seconds })}\n`);
    else
      io.out(
        `${(outcome.bytesBefore / 2 ** 20).toFixed(1)} MB before, ${(outcome.bytesAfter / 2 ** 20).toFixed(1)} MB after, in ${seconds} s\n`,
      );
  });
}
