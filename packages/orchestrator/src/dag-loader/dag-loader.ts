import { mkdirSync, realpathSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import type { Clock } from "../domain/clock.ts";
import type { ImportError, LoadPass } from "../domain/dag-folder.ts";
import type { Log } from "../domain/log.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import type { Service } from "../domain/service.ts";
import { userCodeEnvironment } from "../domain/user-code-environment.ts";
import { endBundler } from "./bundle-dag-file.ts";
import { checkDefinitions, type EvaluatedDagFile } from "./check-definitions.ts";
import { childArguments } from "./child-arguments.ts";
import { DagCache } from "./dag-cache.ts";
import { DagFolderWatcher } from "./dag-folder-watcher.ts";
import type { EvaluationChildOptions } from "./evaluation-child.ts";
import { Evaluator } from "./evaluator.ts";
import { findDagFiles, type DagFile } from "./find-dag-files.ts";

export interface DagLoaderOptions {
  /** Folders of DAG files, or single files. */
  readonly folders: readonly string[];
  /** `$MILLRACE_HOME`: bundles are written to its `bundles/`; DAG files cannot read it while they are imported. */
  readonly home: string;
  readonly catalog: ProviderCatalog;
  /** The server's environment: DAG files see the part that `userCodeEnvironment` lets through. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with the full picture after every pass that changed it. When it throws, the next pass calls it again. */
  readonly onPass: (pass: LoadPass) => Promise<void>;
  /** For the import of one file. */
  readonly timeLimitMs?: number;
  /** A slower import goes on by itself, and its file keeps its last good version until the result is there. */
  readonly patienceMs?: number;
  /** JavaScript heap of the child; its whole memory may be twice that. */
  readonly memoryLimitMb?: number;
  /** Watching can miss a change, so the folders are looked through this often. */
  readonly rescanMs?: number;
}

const DEFAULT_TIME_LIMIT_MS = 30_000;
const DEFAULT_MEMORY_LIMIT_MB = 512;
const DEFAULT_RESCAN_MS = 30_000;
const DEFAULT_PATIENCE_MS = 2_000;

/**
 * Turns DAG files into data: finds them, bundles each, evaluates the bundle in a child process with limits and without
 * secrets, and checks what it defines. The same files give the same picture; unchanged files cost a `stat`.
 */
export class DagLoader implements Service {
  readonly #options: DagLoaderOptions;
  readonly #home: string;
  readonly #evaluator: Evaluator;
  readonly #cache: DagCache;
  readonly #watcher: DagFolderWatcher;
  #roots: readonly string[] = [];
  #delivered = "";
  #isStopping = false;
  #passes: Promise<unknown> = Promise.resolve();

  constructor(options: DagLoaderOptions) {
    this.#options = options;
    mkdirSync(join(options.home, "bundles"), { recursive: true });
    this.#home = realpathSync(options.home);
    const memoryLimitMb = options.memoryLimitMb ?? DEFAULT_MEMORY_LIMIT_MB;
    this.#evaluator = new Evaluator(() => this.#childOptions(memoryLimitMb), memoryLimitMb);
    this.#cache = new DagCache(join(this.#home, "bundles"), this.#evaluator, () => this.#watcher.lookNow());
    this.#watcher = new DagFolderWatcher({
      clock: options.clock,
      log: options.log,
      rescanMs: options.rescanMs ?? DEFAULT_RESCAN_MS,
      home: this.#home,
      // The child starts while more saves may follow, so the pass finds it ready.
      onHint: () => this.#evaluator.warm(),
      onChange: () => this.#loadQuietly(),
    });
  }

  /**
   * One pass over the folders, which waits for slow imports.
   * @throws {MillraceError} DAGS_FOLDER_MISSING
   */
  async load(): Promise<LoadPass> {
    return this.#load(Number.POSITIVE_INFINITY);
  }

  /**
   * The picture of one file alone; `onPass` is not called.
   * @throws {MillraceError} DAGS_FOLDER_MISSING
   */
  async loadOne(file: string): Promise<LoadPass> {
    return this.#inTurn(async () => this.#evaluate(await findDagFiles([file], this.#home), Number.POSITIVE_INFINITY));
  }

  /**
   * Loads everything once, then whenever a file changes. Does not wait for slow imports: they are import errors until they end.
   * @throws {MillraceError} DAGS_FOLDER_MISSING
   */
  async start(): Promise<void> {
    await this.#load(this.#options.patienceMs ?? DEFAULT_PATIENCE_MS);
    await this.#watcher.start(this.#options.folders.map((folder) => resolve(folder)));
    this.#watcher.alsoWatch(this.#cache.inputs);
  }

  /** A pass under way is interrupted, and not delivered. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#evaluator.close();
    await this.#watcher.stop();
    await this.#passes;
    this.#evaluator.open();
    this.#isStopping = false;
  }

  async #load(patienceMs: number): Promise<LoadPass> {
    return this.#inTurn(async () => {
      const files = await findDagFiles(this.#options.folders, this.#home);
      await this.#cache.keepOnly(files);
      const pass = await this.#evaluate(files, patienceMs);
      await this.#deliver(pass);
      return pass;
    });
  }

  /** Passes never overlap: the cache and the child are theirs. */
  async #inTurn<Result>(pass: () => Promise<Result>): Promise<Result> {
    const result = this.#passes.then(pass);
    this.#passes = result.catch(() => undefined);
    return result;
  }

  async #evaluate(files: readonly DagFile[], patienceMs: number): Promise<LoadPass> {
    this.#roots = rootsOf(this.#options.folders, files);
    const good: EvaluatedDagFile[] = [];
    const errors: ImportError[] = [];
    for (const file of files) {
      const result = await this.#cache.load(file, patienceMs);
      if ("problem" in result) errors.push({ file: file.file, ...result.problem });
      else good.push({ file, bundle: result.bundle, evaluated: result.evaluated });
    }
    await Promise.all([this.#evaluator.retire(), endBundler()]);
    const checked = checkDefinitions(good, this.#options.catalog);
    return { files: checked.files, errors: [...errors, ...checked.errors].toSorted((a, b) => (a.file < b.file ? -1 : 1)) };
  }

  async #deliver(pass: LoadPass): Promise<void> {
    const picture = JSON.stringify(pass);
    if (picture === this.#delivered || this.#isStopping) return;
    await this.#options.onPass(pass);
    this.#delivered = picture;
  }

  async #loadQuietly(): Promise<void> {
    try {
      await this.#load(this.#options.patienceMs ?? DEFAULT_PATIENCE_MS);
      this.#watcher.alsoWatch(this.#cache.inputs);
    } catch (error) {
      this.#options.log.error("the DAG files could not be loaded; what is loaded stays", { error });
    }
  }

  #childOptions(memoryLimitMb: number): EvaluationChildOptions {
    const { environment, timeLimitMs, clock, log } = this.#options;
    return {
      environment: userCodeEnvironment(environment),
      arguments: childArguments({ folders: this.#roots, home: this.#home, bundles: join(this.#home, "bundles"), memoryLimitMb }),
      timeLimitMs: timeLimitMs ?? DEFAULT_TIME_LIMIT_MS,
      residentLimitMb: 2 * memoryLimitMb,
      clock,
      log,
    };
  }
}

/** The dags folders, and the folders of files that lie outside of them. */
function rootsOf(folders: readonly string[], files: readonly DagFile[]): string[] {
  const roots = folders.flatMap((folder) => {
    const path = realpathSync(resolve(folder));
    return files.some((file) => file.path === path) ? [] : [path];
  });
  const outside = files
    .map((file) => dirname(file.path))
    .filter((folder) => !roots.some((root) => `${folder}${sep}`.startsWith(`${root}${sep}`)));
  return [...new Set([...roots, ...outside])];
}
