import type { Asset } from "./asset.ts";
import type { Cel } from "./cel.ts";
import type { Dag } from "./dag.ts";
import type { Duration } from "./duration.ts";
import type { EventOf, EventSource, RawPayloadOf } from "./event-source.ts";
import type { JsonResult } from "./json-result.ts";
import type { Schema } from "./schema.ts";
import type { Branch, Needs, TaskOptions, TaskRef, TriggerRule } from "./task.ts";
import type { Logger, TaskContext } from "./task-context.ts";

export type Awaitable<T> = T | Promise<T>;

declare const failedType: unique symbol;
/** In a batched task: one call's failure. */
export interface Failed {
  readonly [failedType]: true;
}

type Plain<N> = TaskOptions<N, never, "all_success">;
type Updating<N, O extends Asset> = TaskOptions<N, O, "all_success">;

interface MicroBatch {
  maxSize: number;
  maxWait: Duration;
}
interface BatchScope {
  readonly signal: AbortSignal;
  readonly log: Logger;
}
interface CommandOptions<In, Params, N, R> {
  run: readonly [string, ...string[]];
  returns?: Schema<R, any>;
  env?: Record<string, string>;
  cwd?: string;
  batchWith?: MicroBatch;
  input?: (context: TaskContext<In, Params, N>) => unknown;
}
interface ApprovalOptions<In, Params, N, C extends string> {
  message: string | ((context: TaskContext<In, Params, N>) => string);
  options?: readonly C[];
  within?: Duration;
  onTimeout?: NoInfer<C> | "fail";
}
interface WaitOptions<In, Params, N, K, W, T> {
  key?: K;
  equals?: (context: TaskContext<In, Params, N>) => string;
  where?: W;
  within: Duration;
  lookBack?: Duration;
  onTimeout?: T;
}
interface Approval<C> {
  readonly choice: C;
  readonly by: string;
  readonly comment: string | null;
}

/** What the callback of `defineDag` gets. Only `task` works so far; the others are import errors. */
export interface DagBuilder<In, Params> {
  /**
   * A task: its id, and the function that runs for each try. What it returns must be JSON, and is the task's result.
   * @throws {DefinitionError} where the id is taken, a need is another DAG's, or an option is wrong
   */
  task<R>(id: string, run: (context: TaskContext<In, Params, {}, never>) => JsonResult<R>): TaskRef<R>;
  task<R, N extends Needs = {}, O extends Asset = never, Rule extends TriggerRule = "all_success">(
    id: string,
    options: TaskOptions<N, O, Rule>,
    run: (context: TaskContext<In, Params, N, O, Rule>) => JsonResult<R>,
  ): TaskRef<R>;

  /** One call of the function serves many task instances; the n-th value returned is the n-th one's. */
  batched<R, N extends Needs = {}, O extends Asset = never>(
    id: string,
    options: Updating<N, O> & MicroBatch,
    run: (calls: readonly TaskContext<In, Params, N, O>[], batch: BatchScope) => Awaitable<readonly (R | Failed)[]>,
  ): TaskRef<R>;

  /** One task instance per item of an upstream's list. */
  map<R, Item, N extends Needs = {}, O extends Asset = never>(
    id: string,
    options: Updating<N, O> & { over: TaskRef<readonly Item[]> },
    run: (context: TaskContext<In, Params, N, O> & { readonly item: Item; readonly index: number }) => Awaitable<R>,
  ): TaskRef<readonly R[]>;

  branch<const C extends string>(id: string, run: (context: TaskContext<In, Params>) => Awaitable<C | readonly C[] | null>): Branch<C>;
  branch<const C extends string, N extends Needs = {}>(
    id: string,
    options: Plain<N>,
    run: (context: TaskContext<In, Params, N>) => Awaitable<C | readonly C[] | null>,
  ): Branch<C>;

  /** Any program: JSON in on stdin, JSON out on stdout's last line. */
  command<R = unknown, N extends Needs = {}, O extends Asset = never>(
    id: string,
    options: Updating<N, O> & CommandOptions<In, Params, N, R>,
  ): TaskRef<R>;

  approval<const C extends string = "approve" | "reject", N extends Needs = {}>(
    id: string,
    options: Plain<N> & ApprovalOptions<In, Params, N, C>,
  ): Branch<C, Approval<C>>;

  /** Waits without a worker. Events since `lookBack` before the run began count too. */
  waitForEvent<
    S extends EventSource,
    const K extends string = string,
    const W extends string = string,
    N extends Needs = {},
    const T extends "fail" | "skip" | "continue" = "fail",
  >(
    id: string,
    source: S,
    options: Plain<N> & WaitOptions<In, Params, N, Cel<K, RawPayloadOf<S>>, Cel<W, RawPayloadOf<S>>, T>,
  ): TaskRef<T extends "continue" ? EventOf<S> | undefined : EventOf<S>>;

  triggerDag<P, R, N extends Needs = {}>(
    id: string,
    dag: Dag<P, R>,
    options: Plain<N> & { params: (context: TaskContext<In, Params, N>) => NoInfer<P>; wait?: boolean },
  ): TaskRef<R>;

  group<R>(id: string, build: () => R): R;
}
