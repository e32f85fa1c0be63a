import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../domain/errors.ts";
import { readVersion } from "../read-version.ts";

export const TEMPLATES = ["sqs", "kafka"] as const;
export type Template = (typeof TEMPLATES)[number];

export interface ProjectOptions {
  /** Absolute; new, or empty but for `.git`. */
  readonly folder: string;
  readonly template: Template;
  /** Absolute folder of tarballs to install Millrace's packages from; null: the registry. */
  readonly packages: string | null;
}

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
}

const TEMPLATES_FOLDER = fileURLToPath(new URL("../../../templates/", import.meta.url));
const OWN_PACKAGES = ["millrace", "@millrace/sdk", "@millrace/kafka", "@millrace/sqs"];
/** npm leaves files of these names out of a package, or gives them a meaning, so templates hold them without the dot. */
const DOT_FILES = ["gitignore", "env"];

/** Writes a project of a user's own: a DAG, a test of it, what is needed to run both. @throws {MillraceError} USAGE */
export function writeProject({ folder, template, packages }: ProjectOptions): void {
  assertFree(folder);
  const specs = new Map(OWN_PACKAGES.map((name) => [name, packages === null ? readVersion() : tarballSpec(packages, name)]));
  mkdirSync(folder, { recursive: true });
  for (const source of ["base", template]) cpSync(join(TEMPLATES_FOLDER, source), folder, { recursive: true });
  for (const name of DOT_FILES) renameSync(join(folder, name), join(folder, `.${name}`));
  const name = packageName(folder);
  edit(join(folder, "README.md"), (text) => text.replaceAll("{{name}}", name));
  edit(join(folder, "package.json"), (text) => packageJson(JSON.parse(text) as PackageJson, name, specs));
}

/** @throws {MillraceError} USAGE */
function assertFree(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const hint = "name another folder, or empty this one";
  if (!stats.isDirectory()) throw new MillraceError("USAGE", `expected a new or an empty folder, got the file '${folder}'`, { hint });
  const [first] = readdirSync(folder).filter((name) => name !== ".git");
  if (first !== undefined) {
    throw new MillraceError("USAGE", `expected a new or an empty folder, got '${folder}', which holds '${first}'`, { hint });
  }
}

/** @throws {MillraceError} USAGE */
function tarballSpec(packages: string, name: string): string {
  const file = join(packages, `${name.replace("@", "").replace("/", "-")}-${readVersion()}.tgz`);
  if (existsSync(file)) return `file:${file}`;
  const hint = "in a checkout of Millrace, `npm run pack` makes them in `dist`";
  throw new MillraceError("USAGE", `--packages: expected the tarball '${file}', found nothing`, { hint });
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, "utf8")));
}

/** What npm takes as a name. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "");
  return name === "" ? "my-project" : name;
}

/** Tarballs ask for each other by version, so those that the project does not ask for itself are overridden. */
function packageJson(template: PackageJson, name: string, specs: ReadonlyMap<string, string>): string {
  const isAsked = (dependency: string): boolean => Object.hasOwn(template.dependencies, dependency);
  const dependencies = Object.fromEntries(Object.entries(template.dependencies).map(([own, range]) => [own, specs.get(own) ?? range]));
  const others = [...specs].filter(([own, spec]) => !isAsked(own) && spec.startsWith("file:"));
  const overrides = others.length === 0 ? {} : { overrides: Object.fromEntries(others) };
  return `${JSON.stringify({ ...template, name, dependencies, ...overrides }, null, 2)}\n`;
}
