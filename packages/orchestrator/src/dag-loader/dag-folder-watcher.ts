import { basename } from "node:path";
import { watch, type FSWatcher } from "chokidar";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { isSkippedFolder } from "./find-dag-files.ts";

export interface DagFolderWatcherOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly rescanMs: number;
  /** Never looked into: the server writes there itself. */
  readonly home: string;
  /** Called at once when something in the folders changes. */
  readonly onHint: () => void;
  /** Called 50 ms after the first of some changes, and every `rescanMs`. Must not reject. */
  readonly onChange: () => Promise<void>;
}

/** Long enough for an editor that writes several files at once, short enough not to be noticed. */
const GATHER_MS = 50;
const RELEVANT = /\.(?:[mc]?[jt]sx?|json|millraceignore)$/;

/** Says when to look at the DAG files again: file events are a hint, looking again every so often is the truth. */
export class DagFolderWatcher {
  readonly #options: DagFolderWatcherOptions;
  readonly #extra = new Set<string>();
  #watcher: FSWatcher | null = null;
  #isGathering = false;
  #cancelTimer = (): void => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: DagFolderWatcherOptions) {
    this.#options = options;
  }

  /** Resolves once changes are seen. */
  async start(paths: readonly string[]): Promise<void> {
    if (this.#watcher !== null) return;
    const roots = new Set(paths);
    const watcher = watch([...paths], {
      ignoreInitial: true,
      ignored: (path) => path === this.#options.home || (!roots.has(path) && !this.#extra.has(path) && isSkippedName(path)),
    });
    this.#watcher = watcher;
    watcher.on("error", (error) => this.#options.log.warn("watching the DAG files failed; they are still looked at regularly", { error }));
    watcher.on("all", (event, path) => this.#onEvent(event, path));
    await new Promise<void>((resolve) => watcher.once("ready", () => resolve()));
    this.#schedule(this.#options.rescanMs);
  }

  /** Files outside the folders that DAG files import. */
  alsoWatch(paths: readonly string[]): void {
    const added = paths.filter((path) => !this.#extra.has(path));
    for (const path of added) this.#extra.add(path);
    if (added.length > 0) this.#watcher?.add(added);
  }

  /** As if something had changed. */
  lookNow(): void {
    if (this.#watcher !== null) this.#schedule(0);
  }

  async stop(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = null;
    this.#cancelTimer();
    await watcher?.close();
    await this.#running;
  }

  #onEvent(event: string, path: string): void {
    const isRelevant = event.endsWith("Dir") || RELEVANT.test(path) || this.#extra.has(path);
    if (this.#watcher === null || this.#isGathering || !isRelevant) return;
    this.#isGathering = true;
    this.#options.onHint();
    this.#schedule(GATHER_MS);
  }

  #schedule(ms: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#isGathering = false;
      this.#running = this.#running.then(async () => this.#options.onChange());
      this.#schedule(this.#options.rescanMs);
    });
  }
}

function isSkippedName(path: string): boolean {
  const name = basename(path);
  return name !== ".millraceignore" && isSkippedFolder(name);
}
