import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compilePackage } from "./compile-package.ts";
import { type PackageJson, publishedPackageJson } from "./published-package-json.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Each after those that it imports. */
const PACKAGES = ["packages/sdk", "packages/providers/kafka", "packages/providers/sqs", "packages/orchestrator"];
const NOT_SHIPPED = /\.test(suite)?\.ts$|\.check\.ts$/;

/** A package as it will be published, before it is packed. */
export interface StagedPackage {
  readonly folder: string;
  readonly packageJson: PackageJson;
}

/** Compiles and packs every published package; returns the absolute paths of the tarballs in `destination`. */
export function packPackages(destination: string): readonly string[] {
  const dist = join(ROOT, "dist");
  mkdirSync(dist, { recursive: true });
  mkdirSync(destination, { recursive: true });
  // Inside the repository, so that imports are found; not in node_modules, where nothing is compiled.
  const staging = mkdtempSync(join(dist, "staging-"));
  try {
    const staged: StagedPackage[] = [];
    for (const source of PACKAGES) staged.push(stagePackage(join(ROOT, source), staging, staged));
    return staged.map(({ folder }) => join(destination, npmPack(folder, destination)));
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function stagePackage(source: string, staging: string, earlier: readonly StagedPackage[]): StagedPackage {
  const folder = join(staging, basename(source));
  const packageJson = publishedPackageJson(JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as PackageJson);
  cpSync(join(source, "src"), join(folder, "src"), { recursive: true, filter: (path) => !NOT_SHIPPED.test(path) });
  compilePackage({ folder, packageJson }, earlier);
  copyData(folder);
  for (const name of packageJson.files ?? []) {
    if (existsSync(join(source, name))) cpSync(join(source, name), join(folder, name), { recursive: true });
  }
  copyFileSync(join(ROOT, "LICENSE"), join(folder, "LICENSE"));
  copyFileSync(join(source, "README.md"), join(folder, "README.md"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(packageJson, null, 2)}\n`);
  return { folder, packageJson };
}

/** What the sources read beside themselves: migrations. */
function copyData(folder: string): void {
  for (const file of globSync("**/migrations/*.sql", { cwd: join(folder, "src") })) {
    cpSync(join(folder, "src", file), join(folder, "dist", file));
  }
}

/** The tarball's file name. */
function npmPack(folder: string, destination: string): string {
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", destination];
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm pack failed in ${folder}:\n${stderr}`);
  const [packed] = Object.values(JSON.parse(stdout) as Record<string, { readonly filename: string }>);
  if (packed === undefined) throw new Error(`expected npm pack to name a tarball, got '${stdout}'`);
  return packed.filename;
}
