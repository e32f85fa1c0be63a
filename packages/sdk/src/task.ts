import type { Asset } from "./asset.ts";
import type { Duration } from "./duration.ts";
import type { FutureScope, TaskScope } from "./task-context.ts";
import type { RunInput } from "./pattern.ts";

declare const resultType: unique symbol;

/** A task of a DAG that is being built: other tasks need it by this value. */
export interface TaskRef<Result = unknown> {
  readonly kind: "task";
  readonly id: string;
  readonly [resultType]: Result;
}
export type ResultOf<T> = T extends TaskRef<infer R> ? R : never;

export interface Choice {
  readonly kind: "choice";
  readonly task: string;
  readonly choice: string;
}
export interface Branch<C extends string, Result = C> extends TaskRef<Result> {
  to(choice: C): Choice;
}

export type TriggerRule =
  | "all_success"
  | "all_failed"
  | "all_done"
  | "all_done_min_one_success"
  | "all_done_setup_success"
  | "one_success"
  | "one_failed"
  | "one_done"
  | "none_failed"
  | "none_skipped"
  | "none_failed_min_one_success"
  | "all_skipped"
  | "always";

export type Needs = Readonly<Record<string, TaskRef<any>>>;

/** An upstream that need not have succeeded may have no result. */
export type Results<N, Rule> = {
  readonly [K in keyof N]: Rule extends "all_success" ? ResultOf<N[K]> : ResultOf<N[K]> | undefined;
};

type Reserved = keyof TaskScope | keyof RunInput | keyof FutureScope;
type Unreserved<N> = { [K in keyof N]: K extends Reserved ? `'${K}' is a context field: give this need another name` : N[K] };

/** Settings of a task; on a DAG, what its tasks have where they say nothing else. */
export interface TaskSettings {
  /** How many more tries after a failed one; 0 unless given. */
  retries?: number;
  /** Before the second try, doubled before each further one up to 10 minutes; 10s unless given. */
  retryDelay?: Duration;
  /** A try that takes longer is killed and has failed; without it there is no limit. */
  timeout?: Duration;
  /** `process`: alone in its worker process. `shared` unless given. */
  isolation?: "shared" | "process";
  /** The function computes rather than waits: the same as `isolation: "process"`. */
  cpu?: boolean;
  pool?: string;
  priority?: number;
  maxActive?: number;
}

export interface TaskOptions<N, Outlet extends Asset, Rule> extends TaskSettings {
  /** Tasks whose results this one takes, by the name it takes them under. */
  needs?: N & Unreserved<N>;
  /** Tasks (or branch choices) that come first, without taking their results. */
  after?: readonly (TaskRef<any> | Choice)[];
  triggerRule?: Rule;
  /** Assets this task updates: each of its successes brings an event of each of them, or those that `emit` says. */
  outlets?: readonly Outlet[];
  /** Assets this task reads, for lineage. */
  inlets?: readonly Asset[];
  teardownOf?: TaskRef<any>;
}
