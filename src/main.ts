#!/usr/bin/env node
import { writeSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { beginChain } from "./runtime/spawn-chain-worker.ts";

// The daemon's other thread loads while this one does.
const [command] = process.argv.slice(2);
const begun = command === "start" ? beginChain() : undefined;
const loaded = await Promise.all([import("./cli/commands.ts"), import("./runtime/http-post.ts")]).catch(notLoaded);
const [{ runCli }, { postOverHttp }] = loaded;

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  isTerminal: process.stderr.isTTY === true,
  fetch: globalThis.fetch,
  post: postOverHttp,
  beginChain: () => begun ?? beginChain(),
  out: (text) => writeAll(1, text),
  talk: (text) => writeAll(2, text),
  ask: async (question) => {
    if (process.stdin.isTTY !== true) return undefined;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      // Whoever ends the input answers nothing any more.
      const ended = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
      return await Promise.race([lines.question(question), ended]);
    } finally {
      lines.close();
    }
  },
  onSignal: (listener) => {
    process.on("SIGINT", listener);
    process.on("SIGTERM", listener);
    return () => {
      process.off("SIGINT", listener);
      process.off("SIGTERM", listener);
    };
  },
  exit: (code) => process.exit(code),
});

/** Writes all of a text at once; a full pipe is waited for, a closed one ends quietly. */
function writeAll(descriptor: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Before anything runs, its parts must be there, and may be opened. */
function notLoaded(error: Error & { readonly code?: string }): never {
  const isFiles = error.code === "EMFILE" || error.code === "ENFILE";
  const hint = isFiles ? "let this process open more files (ulimit -n, LimitNOFILE)" : "run npm ci again";
  writeAll(
    2,
    `lp-ledger: it cannot be loaded: ${error.message}\n  hint: ${hint}\n  code: ${isFiles ? "TOO_MANY_FILES" : "NOT_WHOLE"}\n`,
  );
  process.exit(isFiles ? 75 : 78);
}
