import type { EvaluatedFile } from "../domain/evaluation.ts";
import { bundleDagFile, stampOf, type Bundle, type BundleResult } from "./bundle-dag-file.ts";
import type { Evaluator } from "./evaluator.ts";
import type { DagFile } from "./find-dag-files.ts";
import { problem, type Problem } from "./import-error.ts";
import { RunningImport, type EvaluationResult } from "./running-import.ts";

interface Entry {
  readonly bundle: Bundle;
  outcome: EvaluationResult | RunningImport;
}

export type LoadResult = { readonly problem: Problem } | { readonly bundle: Bundle; readonly evaluated: EvaluatedFile };

/** Failures that a second look at the same file would only repeat, at the same cost. */
const COSTLY_FAILURES: ReadonlySet<string> = new Set(["IMPORT_TIMEOUT", "IMPORT_OUT_OF_MEMORY", "IMPORT_CRASHED"]);

/** Bundles and evaluates DAG files, and does it again only for what changed. */
export class DagCache {
  readonly #entries = new Map<string, Entry>();
  readonly #bundles: string;
  readonly #evaluator: Evaluator;
  readonly #onLate: () => void;

  /** `onLate` is called when the result of a slow import has come. */
  constructor(bundles: string, evaluator: Evaluator, onLate: () => void) {
    this.#bundles = bundles;
    this.#evaluator = evaluator;
    this.#onLate = onLate;
  }

  /** Every file that some bundle was made of: those may lie outside the dags folders. */
  get inputs(): readonly string[] {
    return [...this.#entries.values()].flatMap((entry) => [...entry.bundle.stamps.keys()]);
  }

  /** Never rejects for what is wrong with the file. An import that takes longer than `patienceMs` is IMPORT_RUNNING. */
  async load(file: DagFile, patienceMs: number): Promise<LoadResult> {
    const known = this.#entries.get(file.path);
    if (known !== undefined && isSettled(known.outcome) && (await isUnchanged(known.bundle))) return this.#result(known, patienceMs);
    const built = await this.#bundle(file);
    if ("problem" in built) {
      await this.#forget(file.path);
      return built;
    }
    const { bundle } = built;
    const isSame = known?.bundle.hash === bundle.hash && isSettled(known.outcome);
    if (!isSame) await this.#forget(file.path);
    const outcome = isSame ? known.outcome : await this.#evaluator.evaluate(bundle, file.path, patienceMs);
    const entry: Entry = { bundle, outcome };
    this.#entries.set(file.path, entry);
    if (outcome instanceof RunningImport) this.#await(file.path, outcome);
    return this.#result(entry, patienceMs);
  }

  /** Forgets the files that are gone. */
  async keepOnly(files: readonly DagFile[]): Promise<void> {
    const paths = new Set(files.map((file) => file.path));
    for (const path of this.#entries.keys()) if (!paths.has(path)) await this.#forget(path);
  }

  async #bundle(file: DagFile): Promise<BundleResult> {
    try {
      return await bundleDagFile(file.path, this.#bundles);
    } catch (error) {
      return { problem: problem("FILE_UNREADABLE", `the file cannot be read or bundled: ${(error as Error).message}`) };
    }
  }

  async #forget(path: string): Promise<void> {
    const entry = this.#entries.get(path);
    this.#entries.delete(path);
    if (entry?.outcome instanceof RunningImport) await entry.outcome.abort();
  }

  /** Late results count unless the file has changed meanwhile. */
  #await(path: string, running: RunningImport): void {
    void running.result.then((result) => {
      const entry = this.#entries.get(path);
      if (entry?.outcome !== running) return;
      entry.outcome = result;
      this.#onLate();
    });
  }

  async #result({ bundle, outcome }: Entry, patienceMs: number): Promise<LoadResult> {
    const isWorthWaiting = outcome instanceof RunningImport && patienceMs === Number.POSITIVE_INFINITY;
    const result = isWorthWaiting ? await outcome.result : outcome;
    if (result instanceof RunningImport) {
      return { problem: problem("IMPORT_RUNNING", `the import has not ended after ${patienceMs / 1000} s`) };
    }
    return "problem" in result ? result : { bundle, evaluated: result.file };
  }
}

/** Other failures may have their cause outside the file (a package that was not installed), so they are tried again. */
function isSettled(outcome: EvaluationResult | RunningImport): boolean {
  return outcome instanceof RunningImport || "file" in outcome || COSTLY_FAILURES.has(outcome.problem.code);
}

async function isUnchanged({ stamps }: Bundle): Promise<boolean> {
  const same = await Promise.all([...stamps].map(async ([path, stamp]) => (await stampOf(path)) === stamp));
  return !same.includes(false);
}
