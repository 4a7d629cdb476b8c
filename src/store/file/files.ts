import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Makes sure that what was written to a file or a folder is on the disk. */
export function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Gives a finished file its name: whoever looks sees the whole file or none. */
export function publish(temporary: string, path: string): void {
  sync(temporary);
  renameSync(temporary, path);
  sync(dirname(path));
}

/** A path that is not taken: the stem with its suffix, or with -2, -3, ... between them. */
export function freePath(stem: string, suffix = ""): string {
  for (let i = 1; ; i++) {
    const path = `${stem}${i === 1 ? "" : `-${i}`}${suffix}`;
    if (!existsSync(path)) return path;
  }
}

/** Writes a small file in the same way. */
export function publishText(path: string, text: string): void {
  writeFileSync(`${path}.part`, text);
  publish(`${path}.part`, path);
}

const CHUNK = 1 << 20;

/** SHA-256 of a file's bytes, in constant memory. */
export function sha256OfFile(path: string): string {
  const hash = createHash("sha256");
  const chunk = Buffer.alloc(CHUNK);
  const descriptor = openSync(path, "r");
  try {
    for (;;) {
      const bytes = readSync(descriptor, chunk);
      if (bytes === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, bytes));
    }
  } finally {
    closeSync(descriptor);
  }
}
