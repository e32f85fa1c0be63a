import type { EvaluatedFile } from "../domain/evaluation.ts";
import { bundleDagFile, stampOf, type Bundle, type BundleResult } from "./bundle-dag-file.ts";
import { COSTLY_FAILURES, type EvaluationResult, type Evaluator } from "./evaluator.ts";
import type { DagFile } from "./find-dag-files.ts";
import { problem, type Problem } from "./import-error.ts";

interface Entry {
  readonly bundle: Bundle;
  readonly result: EvaluationResult;
}

export type LoadResult = { readonly problem: Problem } | { readonly bundle: Bundle; readonly evaluated: EvaluatedFile };

/** Bundles and evaluates DAG files, and does it again only for what changed. */
export class DagCache {
  readonly #entries = new Map<string, Entry>();
  readonly #bundles: string;
  readonly #evaluator: Evaluator;

  constructor(bundles: string, evaluator: Evaluator) {
    this.#bundles = bundles;
    this.#evaluator = evaluator;
  }

  /** Every file that some bundle was made of: those may lie outside the dags folders. */
  get inputs(): readonly string[] {
    return [...this.#entries.values()].flatMap((entry) => [...entry.bundle.stamps.keys()]);
  }

  /** Never rejects for what is wrong with the file. */
  async load(file: DagFile): Promise<LoadResult> {
    const known = this.#entries.get(file.path);
    if (known !== undefined && isSettled(known.result) && (await isUnchanged(known.bundle))) return loadResult(known);
    const built = await this.#bundle(file);
    if ("problem" in built) {
      this.#entries.delete(file.path);
      return built;
    }
    const { bundle } = built;
    const isSame = known?.bundle.hash === bundle.hash && isSettled(known.result);
    const result = isSame ? known.result : await this.#evaluator.evaluate(bundle, file.path);
    const entry = { bundle, result };
    this.#entries.set(file.path, entry);
    return loadResult(entry);
  }

  /** Forgets the files that are gone. */
  keepOnly(files: readonly DagFile[]): void {
    const paths = new Set(files.map((file) => file.path));
    for (const path of this.#entries.keys()) if (!paths.has(path)) this.#entries.delete(path);
  }

  async #bundle(file: DagFile): Promise<BundleResult> {
    try {
      return await bundleDagFile(file.path, this.#bundles);
    } catch (error) {
      return { problem: problem("FILE_UNREADABLE", `the file cannot be read or bundled: ${(error as Error).message}`) };
    }
  }
}

/** Other failures may have their cause outside the file (a package that was not installed), so they are tried again. */
function isSettled(result: EvaluationResult): boolean {
  return "file" in result || COSTLY_FAILURES.has(result.problem.code);
}

function loadResult({ bundle, result }: Entry): LoadResult {
  return "problem" in result ? result : { bundle, evaluated: result.file };
}

async function isUnchanged({ stamps }: Bundle): Promise<boolean> {
  const same = await Promise.all([...stamps].map(async ([path, stamp]) => (await stampOf(path)) === stamp));
  return !same.includes(false);
}
