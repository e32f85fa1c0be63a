import type { DagLoader } from "../../dag-loader/dag-loader.ts";
import type { LoadPass } from "../../domain/dag-folder.ts";
import type { Log } from "../../domain/log.ts";

export interface LeasedLoaderOptions {
  readonly loader: DagLoader;
  /** This process holds the lease. */
  readonly mayLoad: () => boolean;
  readonly log: Log;
}

/** The DAG loader, which runs in one process at a time. */
export class LeasedLoader {
  readonly #options: LeasedLoaderOptions;
  #isStarted = false;
  #isRunning = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: LeasedLoaderOptions) {
    this.#options = options;
  }

  /** The DAG files were loaded once, and are watched. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Where this process holds the lease, the DAG files are loaded when it resolves. @throws {MillraceError} DAGS_FOLDER_MISSING */
  async start(): Promise<void> {
    this.#isStarted = true;
    await this.#follow();
  }

  /** One pass now. @throws {MillraceError} DAGS_FOLDER_MISSING */
  async load(): Promise<LoadPass> {
    return this.#options.loader.load();
  }

  /** The lease was gained or lost. */
  onLease(): void {
    this.#follow().catch((error: unknown) => this.#options.log.error("the DAG files could not be loaded; what is loaded stays", { error }));
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    await this.#follow().catch(() => undefined);
  }

  async #follow(): Promise<void> {
    const next = this.#last.then(async () => {
      const shouldRun = this.#isStarted && this.#options.mayLoad();
      if (shouldRun === this.#isRunning) return;
      if (shouldRun) await this.#options.loader.start();
      else await this.#options.loader.stop();
      this.#isRunning = shouldRun;
    });
    this.#last = next.catch(() => undefined);
    return next;
  }
}
