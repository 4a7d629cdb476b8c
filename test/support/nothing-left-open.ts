import { setTimeout } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import { afterAll } from "vitest";

const LOOKS_MAX = 50;
const PAUSE_MS = 20;
/** What keeps a process alive, by Node's names for it, and what people call it. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["Timeout", "a timer"],
  ["TCPServerWrap", "a server"],
  ["PipeServerWrap", "a server"],
  ["ProcessWrap", "a child process"],
  ["FSEventWrap", "a file watch"],
]);

const databases = new Set<Database.Database>();
const threads = new Set<Worker>();

process.on("worker", (thread) => {
  threads.add(thread);
  thread.once("exit", () => threads.delete(thread));
});
for (const name of ["prepare", "exec", "pragma"] as const) {
  const original = Database.prototype[name] as (...args: unknown[]) => unknown;
  const noted = function (this: Database.Database, ...args: unknown[]): unknown {
    databases.add(this);
    return original.apply(this, args);
  };
  Object.assign(Database.prototype, { [name]: noted });
}

function leftOpen(): readonly string[] {
  return [
    ...process.getActiveResourcesInfo().flatMap((resource) => KINDS.get(resource) ?? []),
    ...[...databases].filter((db) => db.open).map((db) => `the database ${db.name}`),
    ...[...threads].map(() => "a thread"),
  ];
}

/** A file of tests that leaves a database, a server, a timer, a child or a thread open has failed. */
afterAll(async () => {
  let left = leftOpen();
  // What was told to end may need a moment to be gone, and the runner has timers of its own that are soon over.
  for (let look = 1; look < LOOKS_MAX && left.length > 0; look++) {
    await setTimeout(PAUSE_MS);
    left = leftOpen();
  }
  if (left.length > 0) throw new Error(`left open when the tests were done: ${left.join(", ")}`);
});
