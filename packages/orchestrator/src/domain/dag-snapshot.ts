/** What a DAG file says, as data: made by the loader's child, stored with the dag version, read by everyone else. */

export type JsonSchema = Readonly<Record<string, unknown>>;

export interface TriggerSnapshot {
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Of a trigger of a DAG file's own: what it reads, where not all of its params say it. */
  readonly source?: string;
}

export type EnvelopeName = "s3" | "sns" | "eventbridge" | "cloudevents";

export interface WatcherSnapshot {
  readonly name: string;
  readonly triggers: readonly TriggerSnapshot[];
  /** What its messages are wrapped in, outermost first. */
  readonly unwrap: readonly EnvelopeName[];
  /** CEL: messages for which it is not true make no event; null where every one does. */
  readonly where: string | null;
  /** CEL: what is stored as payload; null where it is what was unwrapped. */
  readonly payload: string | null;
}

export interface AssetSnapshot {
  readonly name: string;
  readonly uri: string | null;
  readonly group: string | null;
  readonly description: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
  /** JSON Schema of the payload as it arrives (the schema's input side); null where any payload will do. */
  readonly schema: JsonSchema | null;
  readonly watchers: readonly WatcherSnapshot[];
}

export interface DestinationSnapshot {
  readonly kind: string;
  readonly connection: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Events of one asset; those for which `where` is false do not count. */
export interface SourceSnapshot {
  readonly asset: string;
  readonly where: string | null;
}

export interface LegSnapshot {
  /** The key in a record of legs; the place in a list of them. */
  readonly name: string;
  readonly sources: readonly SourceSnapshot[];
}

/** `none`: runs by hand only. `text` is the pattern as a person would write it, for `dags show`. */
export type PatternSnapshot = { readonly text: string } & (
  | { readonly kind: "none" }
  | { readonly kind: "each" | "coalesce"; readonly sources: readonly SourceSnapshot[] }
  | { readonly kind: "all"; readonly shape: "list" | "record"; readonly legs: readonly LegSnapshot[] }
  | { readonly kind: "any"; readonly patterns: readonly PatternSnapshot[] }
  | {
      readonly kind: "cron";
      readonly expression: string;
      readonly timeZone: string;
      /** UTC ms; null where it starts with the DAG. */
      readonly startAt: number | null;
      readonly catchup: boolean;
    }
  | { readonly kind: "every"; readonly intervalMs: number }
);

export interface TaskNeed {
  /** The name under which the task function gets the result. */
  readonly name: string;
  /** Index into `DagSnapshot.tasks`. */
  readonly task: number;
}

export interface TaskSnapshot {
  readonly id: string;
  readonly needs: readonly TaskNeed[];
  /** Indexes of tasks that come first without giving their result; those in `needs` are not repeated. */
  readonly after: readonly number[];
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number | null;
  /** `process`: alone in its worker. */
  readonly isolation: "shared" | "process";
  /** Names of the assets whose events this task's success brings. */
  readonly outlets: readonly string[];
  readonly inlets: readonly string[];
}

/** In ms. */
export type Retention = number | "forever";

export interface DagSnapshot {
  readonly dagId: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly schedule: PatternSnapshot;
  /** Unfinished runs at which no pattern starts another one; null where there is no limit. */
  readonly maxActiveRuns: number | null;
  /** How long ended runs are kept, ms; left out where the server's setting holds. */
  readonly retention?: Retention;
  readonly paramsSchema: JsonSchema | null;
  /** In topological order: a task's needs and afters have smaller indexes. */
  readonly tasks: readonly TaskSnapshot[];
  /** The task whose value is the run's result. */
  readonly resultTask: number | null;
}
