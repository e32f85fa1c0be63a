import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import ignore from "ignore";
import { MillraceError } from "../domain/errors.ts";

export interface DagFile {
  /** Relative to its dags folder, with forward slashes; unique over all folders. */
  readonly file: string;
  /** Absolute, without symlinks. */
  readonly path: string;
}

const EXTENSIONS = new Set([".ts", ".mts", ".js", ".mjs"]);
const NOT_A_DAG_FILE = /\.(?:test|check)\.|\.d\.m?ts$/;
const IGNORE_FILE = ".millraceignore";

export function isDagFileName(name: string): boolean {
  return EXTENSIONS.has(extname(name)) && !NOT_A_DAG_FILE.test(name) && !name.startsWith(".");
}

/** Folders that never hold DAG files. */
export function isSkippedFolder(name: string): boolean {
  return name === "node_modules" || name.startsWith(".");
}

/**
 * Every DAG file under the folders but not under `home`, sorted by name within each; a folder may also be a single file.
 * @throws {MillraceError} DAGS_FOLDER_MISSING
 */
export async function findDagFiles(folders: readonly string[], home: string): Promise<readonly DagFile[]> {
  const byPath = new Map<string, DagFile>();
  const names = new Set<string>();
  for (const folder of folders) {
    const root = await existing(folder);
    const isFolder = (await stat(root)).isDirectory();
    const paths = isFolder ? await filesUnder(root, home) : [root];
    const base = isFolder ? root : dirname(root);
    for (const path of paths.filter((path) => !byPath.has(path))) {
      const file = uniqueName(names, base, path);
      names.add(file);
      byPath.set(path, { file, path });
    }
  }
  return [...byPath.values()];
}

async function existing(folder: string): Promise<string> {
  try {
    return await realpath(resolve(folder));
  } catch (cause) {
    throw new MillraceError("DAGS_FOLDER_MISSING", `expected a folder of DAG files at '${resolve(folder)}', found nothing`, { cause });
  }
}

/** Two folders may hold a file of the same name: the second one is told apart by its folder's. */
function uniqueName(names: ReadonlySet<string>, base: string, path: string): string {
  const short = slashed(relative(base, path));
  const longer = `${basename(base)}/${short}`;
  return [short, longer].find((name) => !names.has(name)) ?? slashed(path);
}

async function filesUnder(root: string, home: string): Promise<string[]> {
  const ignored = ignore().add(await readFile(join(root, IGNORE_FILE), "utf8").catch(() => ""));
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    if (folder === home) return;
    const entries = await readdir(folder, { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      const name = slashed(relative(root, path));
      if (entry.isDirectory() && !isSkippedFolder(entry.name) && !ignored.ignores(`${name}/`)) await visit(path);
      if (!entry.isDirectory() && isDagFileName(entry.name) && !ignored.ignores(name)) found.push(...(await regularFile(path)));
    }
  };
  await visit(root);
  return found;
}

/** Follows a link to a file; what vanished meanwhile, or is no file, is left out. */
async function regularFile(path: string): Promise<string[]> {
  try {
    return (await stat(path)).isFile() ? [await realpath(path)] : [];
  } catch {
    return [];
  }
}

function slashed(path: string): string {
  return sep === "/" ? path : path.replaceAll(sep, "/");
}
