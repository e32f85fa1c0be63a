import type { Asset } from "./asset.ts";
import type { AssetEvent } from "./asset-event.ts";
import type { Destination } from "./destination.ts";
import type { RawPayloadOf } from "./event-source.ts";
import type { RunInput } from "./pattern.ts";
import type { Connection } from "./provider.ts";
import type { Results } from "./task.ts";

export interface Logger {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** The run this task is part of. */
export interface RunInfo {
  readonly id: string;
  readonly dagId: string;
  /** `asset_triggered`, `scheduled`, `manual`, `backfill` or `asset_materialization`. */
  readonly type: string;
  /** null where many runs may be under way at once. */
  readonly logicalDate: Date | null;
}

/** The task itself. `try` counts from 1; `mapIndex` is -1 for a task that is not mapped. */
export interface TaskInfo {
  readonly id: string;
  readonly try: number;
  readonly mapIndex: number;
}

export interface EmitDetails {
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly partitionKey?: string;
}

/** What every task function can use, whatever started its run. Functions are properties, so that they may be destructured. */
export interface TaskScope<Params = unknown, Outlet extends Asset = Asset> {
  readonly params: Params;
  readonly run: RunInfo;
  readonly task: TaskInfo;
  readonly log: Logger;
  /** Aborted when this try is to end: its timeout, or the server stops. */
  readonly signal: AbortSignal;
  /** Sent when, and only when, this try's success is stored. The body is checked against the destination's schema here. */
  readonly publish: <Body, O extends object>(to: Destination<Body, O>, body: NoInfer<Body>, options?: NoInfer<O>) => void;
  /** Adds an asset event to one of this task's outlets, instead of the plain one every success brings. */
  readonly emit: <A extends Outlet>(asset: A, payload: RawPayloadOf<NoInfer<A>>, details?: EmitDetails) => void;
  /** Its values are masked in this try's log, error and result. */
  readonly connection: (id: string) => Promise<Connection>;
  readonly variable: (key: string) => Promise<string>;
}

/** Names that later versions give the context: reserved now, so that a DAG file keeps working. */
export interface FutureScope {
  publishNow: never;
  pastEvents: never;
  lastEvent: never;
  item: never;
  index: never;
}

type EventIn<Events> = Events extends readonly (infer E)[]
  ? E extends readonly (infer Inner)[]
    ? Inner
    : E
  : Events extends Readonly<Record<string, readonly (infer E)[]>>
    ? E
    : never;
type ByAsset<E> = { readonly [Name in Extract<E, AssetEvent>["asset"]]: readonly Extract<E, AssetEvent<Name>>[] };

/** The events that started the run, by the names of their assets; empty where time or a person did. */
export interface Triggering<In> {
  readonly triggeringAssetEvents: ByAsset<In extends { readonly events: infer Events } ? EventIn<Events> : never>;
}

/** What a task function gets: what started the run, the results it needs, and the scope. */
export type TaskContext<In, Params, N = {}, Outlet extends Asset = Asset, Rule = "all_success"> = In &
  Triggering<In> &
  TaskScope<Params, Outlet> &
  Results<N, Rule>;

const SCOPE_FIELDS: Readonly<Record<keyof TaskScope | keyof RunInput | keyof Triggering<RunInput> | keyof FutureScope, true>> = {
  pattern: true,
  event: true,
  events: true,
  key: true,
  params: true,
  run: true,
  task: true,
  log: true,
  signal: true,
  publish: true,
  emit: true,
  connection: true,
  variable: true,
  publishNow: true,
  pastEvents: true,
  triggeringAssetEvents: true,
  lastEvent: true,
  item: true,
  index: true,
};

/** A need cannot have the name of a field that the context has already. */
export function isContextField(name: string): boolean {
  return Object.hasOwn(SCOPE_FIELDS, name);
}
