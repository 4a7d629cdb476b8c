import { readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { LpLedgerError } from "../../core/errors.ts";

/** Exit code of a ledger whose file is no longer where it was opened. */
export const EXIT_FILE_GONE = 72;
/** More links than this lead nowhere (Linux follows 40). */
const LINKS_MAX = 40;

/**
 * Where a file really lies, whatever links lead to it, also before it is made: locks and logs lie beside it, not beside
 * a link.
 */
export function realPathOf(path: string, links = 0): string {
  try {
    return realpathSync(path);
  } catch {
    const target = links < LINKS_MAX ? targetOf(path) : undefined;
    if (target !== undefined) return realPathOf(resolve(dirname(path), target), links + 1);
  }
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path; // There is no such folder, which whoever opens it says.
  }
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * One file has one name: SQLite keeps its write-ahead log and its locks beside the name by which it was opened, so that
 * by two names two processes write over each other. `path` is real; `mounts`: the mount table as Linux tells it.
 * @throws TWO_NAMES for a file with hard links, and for one that is mounted by itself
 */
export function requireOneName(path: string, mounts = mountTable()): void {
  const file = statSync(path, { throwIfNoEntry: false });
  const names = file?.nlink ?? 1;
  if (names > 1 && file?.isFile() === true)
    throw new LpLedgerError("usage", "TWO_NAMES", `${path} is one of ${names} names (hard links) of one file`, {
      hint: "leave it one name, or make a copy: SQLite's log and locks lie beside one name only; nothing was written",
    });
  const isMounted = mounts.split("\n").some((line) => unescaped(line.split(" ")[4] ?? "") === path);
  if (isMounted)
    throw new LpLedgerError("usage", "TWO_NAMES", `${path} is mounted by itself, and has another name elsewhere`, {
      hint: "mount the folder that it lies in: SQLite's log and locks lie beside it; nothing was written",
    });
}

function mountTable(): string {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return ""; // Another system than Linux.
  }
}

/** Spaces and their like stand as octal numbers in the mount table (proc(5)). */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** An open ledger's file, to notice that another one, or none, lies where it was opened. */
export class OpenFile {
  readonly #path: string;
  readonly #opened: string | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#opened = idOf(path);
  }

  get isThere(): boolean {
    const now = idOf(this.#path);
    return now === undefined || now === this.#opened;
  }

  /** @throws FILE_GONE */
  requireThere(): void {
    if (this.isThere) return;
    throw new LpLedgerError("invariant", "FILE_GONE", this.what, {
      exitCode: EXIT_FILE_GONE,
      hint: "whatever was written since is in the file that was moved or deleted: put it back with its -wal file, or restore a backup, then start again",
    });
  }

  get what(): string {
    return `the ledger's file is no longer ${this.#path}: it was moved, replaced or deleted while it was open`;
  }
}

/** Which file lies there, "" where none does; undefined where the system does not say, as a share that is away. */
function idOf(path: string): string | undefined {
  try {
    const file = statSync(path, { throwIfNoEntry: false, bigint: true });
    return file === undefined ? "" : `${file.dev} ${file.ino}`;
  } catch {
    return undefined;
  }
}
