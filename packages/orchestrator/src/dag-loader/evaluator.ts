import type { Clock } from "../domain/clock.ts";
import type { Bundle } from "./bundle-dag-file.ts";
import { EvaluationChild, type EvaluationChildOptions } from "./evaluation-child.ts";
import { INTERRUPTED, RunningImport, type EvaluationResult } from "./running-import.ts";

/** Evaluates bundles in a child; a file that ends the child, or keeps it busy, does so alone: the others go on in a new one. */
export class Evaluator {
  readonly #options: () => EvaluationChildOptions;
  readonly #memoryLimitMb: number;
  readonly #running = new Set<RunningImport>();
  #child: EvaluationChild | null = null;
  #arguments = "";
  #isClosed = false;

  /** `options` is asked anew for each child, as what it may read can change. */
  constructor(options: () => EvaluationChildOptions, memoryLimitMb: number) {
    this.#options = options;
    this.#memoryLimitMb = memoryLimitMb;
  }

  /** Starts a child ahead of its first file. */
  warm(): void {
    if (this.#child?.isAlive !== true) this.#start();
  }

  /** Never rejects. An import that takes longer than `patienceMs` goes on by itself. */
  async evaluate(bundle: Bundle, sourcePath: string, patienceMs: number): Promise<EvaluationResult | RunningImport> {
    const child = this.#isClosed ? null : await this.#current();
    if (child === null || this.#isClosed) return INTERRUPTED;
    const { clock, timeLimitMs } = this.#options();
    const running = new RunningImport({
      bundle,
      sourcePath,
      child,
      startChild: () => new EvaluationChild(this.#options()),
      limits: { timeMs: timeLimitMs, memoryMb: this.#memoryLimitMb },
    });
    this.#running.add(running);
    const result = await within(running.result, patienceMs, clock);
    this.#child = result !== null && running.child.isAlive ? running.child : null;
    if (result === null) {
      void this.#seeOff(running);
      return running;
    }
    this.#running.delete(running);
    return result;
  }

  /** Ends the child: the next file gets a new one, without what the files so far left behind. Slow imports go on. */
  async retire(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await child?.close();
  }

  /** Interrupts what is being imported, and imports nothing more until `open`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#running].map(async (running) => running.abort()));
    await this.retire();
  }

  open(): void {
    this.#isClosed = false;
  }

  /** A slow import has its child for itself, to the end of both. */
  async #seeOff(running: RunningImport): Promise<void> {
    await running.result;
    this.#running.delete(running);
    await running.abort();
  }

  /** A child that has imported nothing yet is replaced where what it may read has changed. */
  async #current(): Promise<EvaluationChild> {
    const child = this.#child;
    if (child?.isAlive !== true) return this.#start();
    if (!child.isFresh || this.#options().arguments.join(" ") === this.#arguments) return child;
    await child.close();
    return this.#start();
  }

  #start(): EvaluationChild {
    const options = this.#options();
    this.#arguments = options.arguments.join(" ");
    this.#child = new EvaluationChild(options);
    return this.#child;
  }
}

async function within<Result>(result: Promise<Result>, ms: number, clock: Clock): Promise<Result | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const cancel = ms === Number.POSITIVE_INFINITY ? (): void => undefined : clock.after(ms, () => resolve(null));
  try {
    return await Promise.race([result, promise]);
  } finally {
    cancel();
  }
}
