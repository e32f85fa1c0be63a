import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export interface ChildLimits {
  /** The dags folders, and the folders of DAG files that lie elsewhere. Absolute. */
  readonly folders: readonly string[];
  readonly home: string;
  readonly bundles: string;
  /** Of the child's JavaScript heap. */
  readonly memoryLimitMb: number;
}

/** Node's flags for the loader's child: it may read, and load addons; it may not write, start processes or threads. */
export function childArguments({ folders, home, bundles, memoryLimitMb }: ChildLimits): string[] {
  const readable = outermost([...readablePaths(folders, home), bundles]);
  const allowed = readable.map((path) => `--allow-fs-read=${path}${isFolder(path) ? sep : ""}`);
  return ["--permission", "--allow-addons", "--disable-warning=PERM0001", `--max-old-space-size=${memoryLimitMb}`, ...allowed];
}

/** The projects of the DAG files with their node_modules, and the server's own packages; never `$MILLRACE_HOME` or an `.env`. */
function readablePaths(folders: readonly string[], home: string): string[] {
  const here = dirname(realpathSync(fileURLToPath(import.meta.url)));
  const projects = [...folders, here].map(projectOf);
  const modules = [...new Set([...folders, here].flatMap(nodeModulesAbove))];
  const linked = modules.flatMap(linkedPackages);
  const hidden = [home, ...projects.map((project) => join(project, ".env")).filter((file) => existsSync(file))];
  return [...projects, ...modules, ...linked].flatMap((path) => without(path, hidden));
}

/** Without what lies in another one of them. */
function outermost(paths: readonly string[]): string[] {
  const kept: string[] = [];
  for (const path of [...new Set(paths)].sort((a, b) => a.length - b.length)) {
    if (!kept.some((outer) => path.startsWith(outer + sep))) kept.push(path);
  }
  return kept;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

/** The nearest folder with a package.json, or the folder itself. A stray package.json in the home folder makes no project. */
function projectOf(folder: string): string {
  const candidates = ancestors(folder).filter((path) => path !== homedir() && dirname(path) !== path);
  return candidates.find((path) => existsSync(join(path, "package.json"))) ?? folder;
}

function nodeModulesAbove(folder: string): string[] {
  return ancestors(folder).flatMap((path) => {
    const modules = path.endsWith(`${sep}node_modules`) ? path : join(path, "node_modules");
    return existsSync(modules) ? [modules] : [];
  });
}

function ancestors(folder: string): string[] {
  const parent = dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}

/** Workspaces and linked packages: the permission model looks at real paths. */
function linkedPackages(modules: string): string[] {
  return readdirSync(modules, { withFileTypes: true }).flatMap((entry) => {
    const path = join(modules, entry.name);
    if (entry.isDirectory() && entry.name.startsWith("@")) return linkedPackages(path);
    return entry.isSymbolicLink() && existsSync(path) ? [realpathSync(path)] : [];
  });
}

/** The path; where it holds what is to be hidden, everything in it but that. */
function without(path: string, hidden: readonly string[]): string[] {
  if (hidden.some((secret) => path === secret || path.startsWith(`${secret}${sep}`))) return [];
  const inside = hidden.filter((secret) => secret.startsWith(path.endsWith(sep) ? path : `${path}${sep}`));
  if (inside.length === 0) return [path];
  return readdirSync(path).flatMap((name) => without(join(path, name), inside));
}
