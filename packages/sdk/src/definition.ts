import type { Schema } from "./schema.ts";
import type { WatcherDefinition } from "./watcher.ts";

// What the values of a DAG file are at run time: read by the loader's child and by workers through internal.ts.

export interface AssetDefinition {
  readonly kind: "asset";
  readonly name: string;
  readonly uri: string | null;
  readonly group: string | null;
  readonly description: string | null;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly schema: Schema | null;
  readonly watchers: readonly WatcherDefinition[];
  /** Stack of the call that made it: where in the author's file it is. */
  readonly site: string;
}

export interface DestinationDefinition {
  readonly kind: "destination";
  /** `Destination.kind`: names the provider's destination kind. */
  readonly destinationKind: string;
  readonly connection: string;
  readonly params: object;
  readonly schema: Schema | null;
  readonly site: string;
}

/** Events of one asset; those for which `where` is false do not count. */
export interface SourceDefinition {
  readonly asset: AssetDefinition;
  readonly where: string | null;
}

export interface LegDefinition {
  /** The key in a record of legs; the place in a list of them. */
  readonly name: string;
  /** Several where the leg is `any` of them. */
  readonly sources: readonly SourceDefinition[];
}

export type PatternDefinition =
  | { readonly kind: "none" }
  | { readonly kind: "each" | "coalesce"; readonly sources: readonly SourceDefinition[] }
  | { readonly kind: "all"; readonly shape: "list" | "record"; readonly legs: readonly LegDefinition[] }
  | { readonly kind: "any"; readonly patterns: readonly PatternDefinition[] }
  | {
      readonly kind: "cron";
      readonly expression: string;
      /** An IANA name. */
      readonly timeZone: string;
      /** UTC ms; null where it starts with the DAG. */
      readonly startAt: number | null;
      readonly catchup: boolean;
    }
  | { readonly kind: "every"; readonly intervalMs: number };

/** Called with the context that task-context.ts types; its fields are own properties, so that they destructure. */
export type TaskFunction = (context: object) => unknown;

export interface TaskDefinition {
  readonly id: string;
  /** `task` is an index into `DagDefinition.tasks`. */
  readonly needs: readonly { readonly name: string; readonly task: number }[];
  /** Indexes of tasks that come first without giving their result; those in `needs` are not repeated. */
  readonly after: readonly number[];
  readonly retries: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number | null;
  readonly isolation: "shared" | "process";
  readonly outlets: readonly AssetDefinition[];
  readonly inlets: readonly AssetDefinition[];
  readonly run: TaskFunction;
}

export interface DagDefinition {
  readonly kind: "dag";
  readonly dagId: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly schedule: PatternDefinition;
  /** As it was given; null where the pattern decides. */
  readonly maxActiveRuns: number | null;
  /** How long ended runs are kept, ms; null where the server's setting holds. */
  readonly retention: number | "forever" | null;
  readonly params: Schema | null;
  /** In the order they were made, which is topological: a need exists before the task that needs it. */
  readonly tasks: readonly TaskDefinition[];
  /** Index of the task that the callback returned: its value is the run's result. */
  readonly resultTask: number | null;
  /** Stack of the call that made it: where in the author's file it is. */
  readonly site: string;
}

export interface TriggerDefinition {
  readonly kind: "trigger";
  /** `Trigger.kind` of what it makes. */
  readonly triggerKind: string;
  readonly params: Schema | null;
  readonly cursor: Schema | null;
  /** Names what is read; null where all params do. */
  readonly source: ((params: unknown) => string) | null;
  readonly run: (context: object) => AsyncIterable<unknown>;
  /** Stack of the call that made it: where in the author's file it is. */
  readonly site: string;
}

export type Definition = AssetDefinition | DestinationDefinition | DagDefinition | TriggerDefinition;

// Symbol.for: a project may bring its own copy of this package beside the server's.
const definitionKey = Symbol.for("millrace.definition");
const collectorKey = Symbol.for("millrace.definitions");

/** Hides the definition in the value that the DAG file gets, and tells the collector of this process, if there is one. */
export function attachDefinition<Value extends object>(value: Value, definition: Definition): Value {
  Object.defineProperty(value, definitionKey, { value: definition });
  (globalThis as { [collectorKey]?: Definition[] })[collectorKey]?.push(definition);
  return value;
}

/** The definition behind an exported value; undefined where it is none of Millrace's. */
export function findDefinition(value: unknown): Definition | undefined {
  if (value === null || typeof value !== "object") return undefined;
  return (value as { [definitionKey]?: Definition })[definitionKey];
}

/** From now on every definition made in this process is added to the array. */
export function collectDefinitions(into: Definition[]): void {
  (globalThis as { [collectorKey]?: Definition[] })[collectorKey] = into;
}

/** Where a definition is made: the stack of its caller. */
export function callSite(): string {
  return new Error("defined here").stack ?? "";
}
