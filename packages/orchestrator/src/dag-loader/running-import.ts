import type { EvaluatedFile, EvaluationFailure } from "../domain/evaluation.ts";
import type { Bundle } from "./bundle-dag-file.ts";
import type { EvaluationChild, Ending } from "./evaluation-child.ts";
import { NOWHERE, problem, type Problem } from "./import-error.ts";
import { positionOfImport } from "./import-position.ts";

export type EvaluationResult = { readonly file: EvaluatedFile } | { readonly problem: Problem };

/** Says nothing about the file: it is imported again by the next pass. */
export const INTERRUPTED: EvaluationResult = { problem: problem("IMPORT_RUNNING", "the import was interrupted") };

export interface RunningImportOptions {
  readonly bundle: Bundle;
  readonly sourcePath: string;
  readonly child: EvaluationChild;
  readonly startChild: () => EvaluationChild;
  /** For the message. */
  readonly limits: { readonly timeMs: number; readonly memoryMb: number };
}

/** The import of one file, in a child that may have imported others before. */
export class RunningImport {
  /** Never rejects. */
  readonly result: Promise<EvaluationResult>;
  readonly #options: RunningImportOptions;
  #child: EvaluationChild;
  #isAborted = false;

  constructor(options: RunningImportOptions) {
    this.#options = options;
    this.#child = options.child;
    this.result = this.#run();
  }

  /** Where the file ended up; of use for the next one only if it is alive. */
  get child(): EvaluationChild {
    return this.#child;
  }

  /** Ends the import with whatever result; harmless when it has ended. */
  async abort(): Promise<void> {
    this.#isAborted = true;
    await this.#child.close();
  }

  async #run(): Promise<EvaluationResult> {
    const { bundle, sourcePath, startChild, limits } = this.#options;
    const wasFresh = this.#child.isFresh;
    let ending = await this.#child.evaluate(bundle.url, sourcePath);
    if (isEndOfChild(ending) && !wasFresh && !this.#isAborted) {
      // What an earlier file left behind may be to blame: the file gets a child of its own before it is.
      await this.#child.close();
      this.#child = startChild();
      ending = await this.#child.evaluate(bundle.url, sourcePath);
    }
    if (isEndOfChild(ending)) await this.#child.close();
    if (this.#isAborted) return INTERRUPTED;
    return describeEnding(ending, bundle, limits);
  }
}

function isEndOfChild(ending: Ending): boolean {
  return ending.type === "timeout" || ending.type === "memory" || ending.type === "exit";
}

function describeEnding(ending: Ending, bundle: Bundle, limits: RunningImportOptions["limits"]): EvaluationResult {
  switch (ending.type) {
    case "evaluated":
      return { file: ending.file };
    case "failed":
      return { problem: describeFailure(ending.failure, bundle) };
    case "timeout":
      return { problem: problem("IMPORT_TIMEOUT", `the import did not end within ${limits.timeMs / 1000} s`) };
    case "memory":
      return { problem: problem("IMPORT_OUT_OF_MEMORY", `the import needed more than ${limits.memoryMb} MB of memory`) };
    case "exit": {
      const how = ending.signal === null ? `with exit code ${ending.code}` : `by ${ending.signal}`;
      return { problem: problem("IMPORT_CRASHED", `the process that imported the file ended ${how}`) };
    }
  }
}

function describeFailure(failure: EvaluationFailure, bundle: Bundle): Problem {
  if (failure.specifier !== null) return describeUnresolved(failure.specifier, bundle);
  const place = bundle.positions.place(failure.stack);
  return { code: failure.code, message: failure.message, hint: failure.hint, ...place };
}

function describeUnresolved(specifier: string, bundle: Bundle): Problem {
  const place = positionOfImport(specifier, [...bundle.stamps.keys()]) ?? NOWHERE;
  const isPackage = !specifier.startsWith("/") && !specifier.startsWith("file:");
  const hint = isPackage ? `run \`npm install ${specifier}\` in the project of the DAG file` : "check the path";
  return problem("UNRESOLVED_IMPORT", `the ${isPackage ? "package" : "file"} '${specifier}' is not found`, place, hint);
}
