import { createWriteStream, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type CommonOptions, type Io, settingsOf, withReader } from "../runtime/context.ts";
import { systemClock } from "../runtime/platform.ts";
import { freePath, sha256OfFile, sync } from "../store/file/files.ts";
import { copyWhole, removeDatabase } from "../store/lifecycle/backup.ts";
import { factsOf } from "../store/lifecycle/inspect.ts";
import { openForReading, requireDatabase } from "../store/lifecycle/open.ts";
import { positionLines } from "../store/queries/positions.ts";
import { PUBLIC_TABLES, tableRows } from "../store/queries/query.ts";
import { Store } from "../store/store.ts";
import type { ExportOptions } from "./query.ts";
import { csvLine, jsonAnswer, jsonLine } from "./table.ts";

export interface ArchiveOptions extends ExportOptions {
  readonly to?: string;
}

interface ArchivedFile {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Writes every public table into a folder named after the ledger's block and day: compressed, each with its checksum,
 * all of one state. The same ledger writes the same bytes.
 */
export async function exportAll(io: Io, options: ArchiveOptions & CommonOptions): Promise<void> {
  const settings = settingsOf(io, options);
  const parent = resolve(io.cwd, options.to ?? ".");
  requireDatabase(settings.databasePath); // Before a folder is made for nothing.
  mkdirSync(parent, { recursive: true });
  const part = freePath(join(parent, "exporting"), ".part");
  mkdirSync(part);
  try {
    // A copy, so that a long export keeps no reader open on the ledger, and every table is of the same block.
    const copy = join(part, "copy.sqlite");
    await withReader(settings, async (store) => copyWhole(store.db, copy));
    const opened = openForReading(copy);
    let folder: string;
    let manifest: object;
    try {
      const store = new Store(opened.db, systemClock);
      const files: ArchivedFile[] = [];
      for (const table of Object.keys(PUBLIC_TABLES)) {
        const { columns, rows } = tableRows(store.db, table);
        const csv = options.format === "csv";
        const head = csv ? [csvLine(columns)] : [];
        const lines = mapped(rows(), (row) => (csv ? csvLine(row) : jsonLine(columns, row)));
        files.push(await writeFile(part, `${table}.${options.format}.gz`, head, lines));
      }
      const positions = mapped(positionLines(store.db), (line) => `${JSON.stringify(line)}\n`);
      files.push(await writeFile(part, "positions.jsonl.gz", [], positions));
      const tip = store.blocks.tip();
      const { ledgerId: _, ...facts } = factsOf(store.db);
      manifest = { format: "lp-ledger-export-1", ...facts, files };
      const day = tip === undefined ? "empty" : new Date(tip.timestampSec * 1000).toISOString().slice(0, 10);
      folder = `${day}-block-${tip?.number ?? 0}`;
      writeFileSync(join(part, "SHA256SUMS"), files.map((each) => `${each.sha256}  ${each.file}\n`).join(""));
      writeFileSync(join(part, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    } finally {
      opened.close();
    }
    removeDatabase(copy);
    sync(part);
    const path = freePath(join(parent, folder));
    renameSync(part, path);
    sync(parent);
    if (options.json) io.out(jsonAnswer({ path, ...manifest }));
    else io.out(`${path}\ncheck it with: cd ${path} && sha256sum --check SHA256SUMS\n`);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    throw error;
  }
}

function* mapped<T>(rows: Iterable<T>, lineOf: (row: T) => string): Generator<string> {
  for (const row of rows) yield lineOf(row);
}

const BLOCK_CHARS = 65_536;

async function writeFile(
  folder: string,
  file: string,
  head: readonly string[],
  lines: Iterable<string>,
): Promise<ArchivedFile> {
  const path = join(folder, file);
  let rows = 0;
  function* blocks(): Generator<string> {
    let block = head.join("");
    for (const line of lines) {
      rows += 1;
      block += line;
      if (block.length < BLOCK_CHARS) continue;
      yield block;
      block = "";
    }
    if (block !== "") yield block;
  }
  await pipeline(Readable.from(blocks()), createGzip(), createWriteStream(path));
  sync(path);
  return { file, rows, bytes: statSync(path).size, sha256: sha256OfFile(path) };
}
