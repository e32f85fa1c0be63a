import { randomBytes } from "node:crypto";
import { access, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { all, execute, first, type SqlRunner } from "../sql-script.ts";

const DAY_MS = 86_400_000;

/** The bundles of DAG files, from the process that loads them to those that run them: each keeps a copy in a folder of its own. */
export class BundleStore {
  readonly #runner: SqlRunner;
  readonly #folder: string;
  /** In the folder, as far as is known. */
  readonly #present = new Set<string>();

  constructor(runner: SqlRunner, folder: string) {
    this.#runner = runner;
    this.#folder = folder;
  }

  /** Those of the folder that are not stored yet. */
  async put(hashes: readonly string[], now: number): Promise<void> {
    for (const hash of new Set(hashes)) {
      // A bundle that is used again is as new: the purge takes those that nobody refers to and that are old.
      if (await this.#runner.run(() => first("SELECT 1 AS found FROM bundle WHERE hash = ? AND created_at > ?", hash, now - DAY_MS)))
        continue;
      const code = await readFile(this.#pathOf(hash));
      const map = await readFile(`${this.#pathOf(hash)}.map`).catch(() => null);
      const sql =
        "INSERT INTO bundle (hash, code, source_map, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET created_at = excluded.created_at";
      await this.#runner.run(() => execute(sql, hash, code, map, now));
    }
  }

  /** Into the folder, where they are not there. One that nobody has is left out: what needs it fails by its name. */
  async fetch(hashes: readonly string[]): Promise<void> {
    for (const hash of new Set(hashes)) {
      if (this.#present.has(hash)) continue;
      if (!(await isThere(this.#pathOf(hash)))) await this.#fetchOne(hash);
      this.#present.add(hash);
    }
  }

  async #fetchOne(hash: string): Promise<void> {
    const sql = "SELECT code, source_map FROM bundle WHERE hash = ?";
    const [row] = await this.#runner.run(() => all<{ code: Uint8Array; source_map: Uint8Array | null }>(sql, hash));
    if (row === undefined) return;
    await mkdir(this.#folder, { recursive: true });
    if (row.source_map !== null) await this.#write(`${this.#pathOf(hash)}.map`, row.source_map);
    await this.#write(this.#pathOf(hash), row.code);
  }

  /** Whole or not at all. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  }

  #pathOf(hash: string): string {
    return join(this.#folder, `${hash}.mjs`);
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
