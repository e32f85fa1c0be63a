export type ExportTarget = string | { readonly types: string; readonly default: string };

export interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, ExportTarget>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/**
 * A workspace's package.json as users get it: its doors lead to compiled files, and what only this repository needs is gone.
 * @throws {Error} where a package of this repository is not asked for by its exact version
 */
export function publishedPackageJson({ devDependencies: _, ...packageJson }: PackageJson): PackageJson {
  for (const [name, version] of Object.entries(packageJson.dependencies ?? {})) {
    if (!name.startsWith("@millrace/") || EXACT_VERSION.test(version)) continue;
    throw new Error(`${packageJson.name} depends on ${name}: expected an exact version, got '${version}'`);
  }
  const doors = Object.entries(packageJson.exports ?? {}).map(([door, target]) => [door, compiledTarget(target)] as const);
  return { ...packageJson, ...(doors.length > 0 && { exports: Object.fromEntries(doors) }) };
}

function compiledTarget(target: ExportTarget): ExportTarget {
  const [, path] = (typeof target === "string" ? /^\.\/src\/(.*)\.ts$/.exec(target) : null) ?? [];
  if (path === undefined) throw new Error(`expected an export of ./src/….ts, got '${JSON.stringify(target)}'`);
  return { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` };
}
