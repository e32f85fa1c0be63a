import type { AssetSnapshot, DagSnapshot, DestinationSnapshot } from "./dag-snapshot.ts";

/** A DAG file that loaded: what it defines and the bundle a worker imports. */
export interface LoadedFile {
  /** Relative to its dags folder, with forward slashes: what people call it. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  /** SHA-256 of the bundle, hex: names `$MILLRACE_HOME/bundles/<hash>.mjs`. */
  readonly bundleHash: string;
  readonly dags: readonly DagSnapshot[];
  readonly assets: readonly AssetSnapshot[];
  readonly destinations: readonly DestinationSnapshot[];
  /** Of the triggers that it defines itself, or imports from another file of its project. */
  readonly triggerKinds: readonly string[];
  readonly warnings: readonly string[];
}

/** Why a file did not load: where, what was expected and got, and what to do. */
export interface ImportError {
  readonly file: string;
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
  /** What to do about it. */
  readonly hint: string;
  /** The stack as far as it is the author's own; empty for a syntax error. */
  readonly stack: string;
}

/** One look at the whole folder. A file that is in neither list is gone; one in `errors` keeps its last good version. */
export interface LoadPass {
  readonly files: readonly LoadedFile[];
  readonly errors: readonly ImportError[];
}
