import type { EvaluatedFile } from "../domain/evaluation.ts";
import type { Bundle } from "./bundle-dag-file.ts";
import { EvaluationChild, type Ending, type EvaluationChildOptions } from "./evaluation-child.ts";
import { positionOfImport } from "./import-position.ts";
import { NOWHERE, problem, type Problem } from "./import-error.ts";

export type EvaluationResult = { readonly file: EvaluatedFile } | { readonly problem: Problem };

/** Codes of failures that a second look at the same file would only repeat, at the same cost. */
export const COSTLY_FAILURES: ReadonlySet<string> = new Set(["IMPORT_TIMEOUT", "IMPORT_OUT_OF_MEMORY", "IMPORT_CRASHED"]);

/** Evaluates bundles in a child; a file that ends the child fails alone, the others go on in a new one. */
export class Evaluator {
  readonly #options: () => EvaluationChildOptions;
  readonly #memoryLimitMb: number;
  #child: EvaluationChild | null = null;
  #arguments = "";

  /** `options` is asked anew for each child, as what it may read can change. */
  constructor(options: () => EvaluationChildOptions, memoryLimitMb: number) {
    this.#options = options;
    this.#memoryLimitMb = memoryLimitMb;
  }

  /** Starts a child ahead of its first file. */
  warm(): void {
    if (this.#child?.isAlive !== true) this.#start(this.#options());
  }

  /** Never rejects. */
  async evaluate(bundle: Bundle, sourcePath: string): Promise<EvaluationResult> {
    const child = await this.#current();
    const wasFresh = child.isFresh;
    let ending = await child.evaluate(bundle.url, sourcePath);
    if (isOwnEnding(ending) && !wasFresh) {
      // What an earlier file left behind may be to blame: the file gets a child of its own before it is.
      await this.close();
      ending = await (await this.#current()).evaluate(bundle.url, sourcePath);
    }
    if (isOwnEnding(ending)) await this.close();
    return this.#result(ending, bundle);
  }

  /** Ends the child: the next file gets a new one, without what the files so far left behind. */
  async close(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    await child?.close();
  }

  async #current(): Promise<EvaluationChild> {
    const child = this.#child;
    if (child?.isAlive === true && !child.isFresh) return child;
    const options = this.#options();
    if (child?.isAlive === true && options.arguments.join(" ") === this.#arguments) return child;
    await this.close();
    return this.#start(options);
  }

  #start(options: EvaluationChildOptions): EvaluationChild {
    this.#arguments = options.arguments.join(" ");
    this.#child = new EvaluationChild(options);
    return this.#child;
  }

  #result(ending: Ending, bundle: Bundle): EvaluationResult {
    switch (ending.type) {
      case "evaluated":
        return { file: ending.file };
      case "failed":
        return { problem: describe(ending.failure, bundle) };
      case "timeout":
        return { problem: problem("IMPORT_TIMEOUT", `the import did not end within ${this.#options().timeLimitMs / 1000} s`) };
      case "memory":
        return { problem: problem("IMPORT_OUT_OF_MEMORY", `the import needed more than ${this.#memoryLimitMb} MB of memory`) };
      case "exit": {
        const how = ending.signal === null ? `with exit code ${ending.code}` : `by ${ending.signal}`;
        return { problem: problem("IMPORT_CRASHED", `the process that imported the file ended ${how}`) };
      }
    }
  }
}

function isOwnEnding(ending: Ending): boolean {
  return ending.type === "timeout" || ending.type === "memory" || ending.type === "exit";
}

function describe(failure: Extract<Ending, { type: "failed" }>["failure"], bundle: Bundle): Problem {
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
