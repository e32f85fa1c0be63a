/** What the loader and its child, which evaluates DAG files, say to each other: JSON over the child's channel. */
import type { AssetSnapshot, DagSnapshot, DestinationSnapshot } from "./dag-snapshot.ts";

export interface EvaluationRequest {
  readonly id: number;
  /** file: URL of the bundle, made unique by a query so that nothing is answered from the module cache. */
  readonly bundleUrl: string;
  /** Absolute path of the DAG file: bare imports resolve from there. */
  readonly sourcePath: string;
}

/** `site` is the stack of the call that made it, in positions of the bundle. */
export interface Sited<Snapshot> {
  readonly snapshot: Snapshot;
  readonly site: string;
}

export interface EvaluatedFile {
  /** Exported ones. */
  readonly dags: readonly Sited<DagSnapshot>[];
  /** Those made while the file was imported, but not exported. */
  readonly strayDags: readonly { readonly dagId: string; readonly site: string }[];
  /** Exported, or reachable from an exported DAG. */
  readonly assets: readonly Sited<AssetSnapshot>[];
  readonly destinations: readonly Sited<DestinationSnapshot>[];
  /** Of every trigger that was defined while the file was imported. */
  readonly triggerKinds: readonly Sited<string>[];
}

export interface EvaluationFailure {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** In positions of the bundle. */
  readonly stack: string;
  /** The import that was not found, where that is what went wrong. */
  readonly specifier: string | null;
}

export type EvaluationReply =
  | { readonly type: "ready" }
  | { readonly type: "evaluated"; readonly id: number; readonly file: EvaluatedFile }
  | { readonly type: "failed"; readonly id: number; readonly failure: EvaluationFailure };
