import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, stat, utimes } from "node:fs/promises";
import type { SourceMapPayload } from "node:module";
import { dirname, extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  build,
  stop,
  transform,
  type BuildFailure,
  type BuildResult,
  type Loader,
  type Message,
  type OnLoadResult,
  type Plugin,
} from "esbuild";
import { problem, type Problem } from "./import-error.ts";
import { SourcePositions } from "./source-positions.ts";

/** The project's own code of one DAG file, in one module. */
export interface Bundle {
  /** SHA-256 of its text, hex. */
  readonly hash: string;
  readonly path: string;
  readonly url: string;
  /** The state in which each file that it was made of was read, by absolute path. */
  readonly stamps: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
  readonly positions: SourcePositions;
}

export type BundleResult = { readonly bundle: Bundle } | { readonly problem: Problem };

/** Bundles a DAG file into `folder/<hash>.mjs`: bare imports stay imports, JSON and the project's own files are inlined. */
export async function bundleDagFile(path: string, folder: string): Promise<BundleResult> {
  const stamps = new Map<string, string>();
  try {
    const built = await build({
      entryPoints: [path],
      absWorkingDir: dirname(path),
      outfile: join(folder, "bundle.mjs"),
      bundle: true,
      write: false,
      packages: "external",
      format: "esm",
      platform: "node",
      target: "node24",
      keepNames: true,
      sourcemap: "external",
      sourcesContent: false,
      logLevel: "silent",
      plugins: [readSources(stamps)],
    });
    return { bundle: await writeBundle(built, stamps, folder) };
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return { problem: describeFailure(path, error) };
  }
}

type Built = BuildResult<{ write: false }>;

async function writeBundle(built: Built, stamps: ReadonlyMap<string, string>, folder: string): Promise<Bundle> {
  const code = built.outputFiles.find((file) => file.path.endsWith(".mjs"))?.text ?? "";
  const map = built.outputFiles.find((file) => file.path.endsWith(".map"))?.text ?? "{}";
  const text = `${code}//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString("base64")}\n`;
  const hash = createHash("sha256").update(text).digest("hex");
  const bundlePath = join(folder, `${hash}.mjs`);
  await writeOnce(bundlePath, text);
  const url = pathToFileURL(bundlePath).href;
  return {
    hash,
    path: bundlePath,
    url,
    stamps,
    warnings: built.warnings.map(describeMessage),
    positions: new SourcePositions(url, JSON.parse(map) as SourceMapPayload),
  };
}

/** Whole or not at all, and on disk before anyone refers to it: runs of an old version need its bundle after a power loss. */
async function writeOnce(path: string, text: string): Promise<void> {
  const now = new Date();
  // In use again: the purge spares what was lately.
  const exists = await utimes(path, now, now).then(
    () => true,
    () => false,
  );
  if (exists) return;
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  await using file = await open(temporary, "w", 0o600);
  await file.writeFile(text);
  await file.sync();
  await rename(temporary, path);
  // The name is on disk only once its folder is.
  await using entries = await open(folder, "r");
  await entries.sync();
}

const LOADERS: Readonly<Record<string, Loader>> = {
  ts: "ts",
  mts: "ts",
  cts: "ts",
  tsx: "tsx",
  js: "js",
  mjs: "js",
  cjs: "js",
  jsx: "jsx",
};

/** Notes the state of each file before it is read, so that a later change of it is never missed. */
function readSources(stamps: Map<string, string>): Plugin {
  return {
    name: "read-sources",
    setup(pluginBuild) {
      pluginBuild.onLoad({ filter: /./, namespace: "file" }, async ({ path }) => {
        stamps.set(path, await stampOf(path));
        const loader = LOADERS[extname(path).slice(1)];
        if (loader === undefined) return undefined;
        const contents = await readFile(path, "utf8");
        return contents.includes("import.meta") ? pinImportMeta(path, contents, loader) : { contents, loader };
      });
    },
  };
}

/** `import.meta.url` and its like name the source file, not the bundle. What does not parse is left for the build to report. */
async function pinImportMeta(path: string, contents: string, loader: Loader): Promise<OnLoadResult> {
  try {
    const { code } = await transform(contents, {
      loader,
      sourcefile: path,
      sourcemap: "inline",
      sourcesContent: false,
      target: "node24",
      define: {
        "import.meta.url": JSON.stringify(pathToFileURL(path).href),
        "import.meta.filename": JSON.stringify(path),
        "import.meta.dirname": JSON.stringify(dirname(path)),
      },
    });
    return { contents: code, loader: "js" };
  } catch {
    return { contents, loader };
  }
}

/** Equal as long as a file is not written to or replaced; empty for one that is gone. */
export async function stampOf(path: string): Promise<string> {
  const stats = await stat(path, { bigint: true }).catch(() => null);
  return stats === null ? "" : `${stats.mtimeNs}:${stats.size}:${stats.ino}`;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && Array.isArray((error as Partial<BuildFailure>).errors);
}

function describeFailure(path: string, failure: BuildFailure): Problem {
  const first = failure.errors[0];
  if (first === undefined) return problem("SYNTAX_ERROR", failure.message);
  const place = { line: first.location?.line ?? null, column: first.location ? first.location.column + 1 : null, stack: "" };
  const where = first.location === null || resolve(dirname(path), first.location.file) === path ? "" : ` (in ${first.location.file})`;
  const unresolved = /^Could not resolve "(.*)"/.exec(first.text)?.[1];
  if (unresolved !== undefined) return problem("UNRESOLVED_IMPORT", `nothing is found for the import "${unresolved}"${where}`, place);
  return problem("SYNTAX_ERROR", `${first.text}${where}`, place);
}

function describeMessage({ text, location }: Message): string {
  return location === null ? text : `${text} (${location.file}:${location.line})`;
}

/** Ends esbuild's own process (12 MB) until the next bundle. */
export async function endBundler(): Promise<void> {
  await stop();
}
