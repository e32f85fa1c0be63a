import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StagedPackage } from "./pack-packages.ts";

const ROOT = join(import.meta.dirname, "../..");

/**
 * Compiles `src/` of a staged package into `dist/`: JavaScript with source maps that hold the sources, and declarations.
 * What it imports of this repository is taken from the packages that are compiled already.
 */
export function compilePackage({ folder, packageJson }: StagedPackage, earlier: readonly StagedPackage[]): void {
  const config = join(folder, "tsconfig.json");
  const compilerOptions = {
    noEmit: false,
    noEmitOnError: true,
    // `npm run check:types` is for all packages at once.
    noCheck: true,
    rootDir: "src",
    outDir: "dist",
    declaration: packageJson.exports !== undefined,
    rewriteRelativeImportExtensions: true,
    sourceMap: true,
    inlineSources: true,
    paths: Object.fromEntries(earlier.flatMap(declarationPaths)),
  };
  writeFileSync(config, JSON.stringify({ extends: join(ROOT, "tsconfig.json"), compilerOptions, include: ["src"], exclude: [] }));
  const { status, stdout } = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", config], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${folder} does not compile:\n${stdout}`);
  for (const file of globSync("dist/**/*.d.ts", { cwd: folder })) rewriteImports(join(folder, file));
}

/** Import specifiers of a compiled package and the declarations behind them. */
function declarationPaths({ folder, packageJson: { name, exports = {} } }: StagedPackage): [string, string[]][] {
  return Object.entries(exports).flatMap(([door, target]) =>
    typeof target === "string" ? [] : [[name + door.slice(1), [join(folder, target.types)]]],
  );
}

/** The compiler leaves `.ts` in the imports of declarations. */
function rewriteImports(file: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replaceAll(/((?:from|import) ?\(?)"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"'));
}
