import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { provider as kafka } from "@millrace/kafka/provider";
import { provider as sqs } from "@millrace/sqs/provider";
import { systemClock } from "../../src/domain/clock.ts";
import type { ImportError, LoadPass } from "../../src/domain/dag-folder.ts";
import type { Log } from "../../src/domain/log.ts";
import type { ProviderCatalog } from "../../src/domain/provider-catalog.ts";
import { DagLoader, type DagLoaderOptions } from "../../src/dag-loader/dag-loader.ts";

const installed = dirname(fileURLToPath(import.meta.resolve("zod")));

export const catalog: ProviderCatalog = {
  findTrigger: (kind) => ({ ...sqs.triggers, ...kafka.triggers })[kind],
  findDestination: (kind) => ({ ...sqs.destinations, ...kafka.destinations })[kind],
  findProvider: () => undefined,
  queueSchemes: [sqs, kafka].flatMap(({ queues }) => queues ?? []),
  findQueueScheme: (connType) => [sqs, kafka].find(({ connTypes }) => connTypes.includes(connType))?.queues,
};

const quiet: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

/** A temporary project with a dags folder, zod installed, and a loader on it. */
export class DagProject {
  readonly root: string;
  readonly dags: string;
  readonly home: string;
  readonly passes: LoadPass[] = [];
  readonly loader: DagLoader;

  constructor(root: string, options: Partial<DagLoaderOptions>) {
    this.root = root;
    this.dags = join(root, "dags");
    this.home = join(root, ".millrace");
    this.loader = new DagLoader({
      folders: [this.dags],
      home: this.home,
      catalog,
      environment: { PATH: process.env["PATH"] },
      clock: systemClock,
      log: quiet,
      onPass: async (pass) => void this.passes.push(pass),
      ...options,
    });
  }

  static async make(
    t: TestContext,
    files: Readonly<Record<string, string>> = {},
    options: Partial<DagLoaderOptions> = {},
  ): Promise<DagProject> {
    const root = await realpath(await mkdtemp(join(tmpdir(), "millrace-dags-")));
    await mkdir(join(root, "dags"));
    await mkdir(join(root, "node_modules"));
    await symlink(installed, join(root, "node_modules", "zod"));
    await writeFile(join(root, "package.json"), '{ "type": "module" }');
    const project = new DagProject(root, options);
    t.after(async () => {
      await project.loader.stop();
      await rm(root, { recursive: true, force: true });
    });
    for (const [name, text] of Object.entries(files)) await project.write(name, text);
    return project;
  }

  async write(name: string, text: string): Promise<void> {
    const path = join(this.dags, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** The import error of a file; fails where it has none. */
  async errorOf(file: string): Promise<ImportError> {
    const pass = await this.loader.load();
    const found = pass.errors.find((error) => error.file === file);
    if (found === undefined) throw new Error(`${file} has no import error; loaded: ${pass.files.map((one) => one.file).join(", ")}`);
    return found;
  }
}

/** A DAG file with one DAG of one task. */
export function simpleDag(id: string, task = "() => 1"): string {
  return `import { defineDag } from "@millrace/sdk";\nexport default defineDag(${JSON.stringify(id)}, {}, (dag) => { dag.task("t", ${task}); });\n`;
}
