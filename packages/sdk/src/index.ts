// What a DAG file imports.

export { assetsMatching, defineAsset, type Asset, type AssetOptions, type AssetSelection } from "./asset.ts";
export type { AssetEvent } from "./asset-event.ts";
export type { Cel } from "./cel.ts";
export type { Cron } from "./cron.ts";
export { defineAssetDag, defineAssetsDag, defineDag, type Dag, type DagOptions } from "./dag.ts";
export type { Awaitable, DagBuilder, Failed } from "./dag-builder.ts";
export type { Destination } from "./destination.ts";
export type { Duration } from "./duration.ts";
export type { EventOf, EventSource, PayloadOf, RawPayloadOf } from "./event-source.ts";
export { defineTrigger, type TriggerContext, type TriggerDefinitionOptions, type TriggerEvent } from "./define-trigger.ts";
export { messageQueue, messageQueueTrigger, type MessageQueueOptions } from "./message-queue.ts";
export { fail, skip } from "./outcome.ts";
export { absence, all, any, batch, coalesce, cron, debounce, each, every, sequence } from "./pattern.ts";
export type { Each, EachOptions, InputOf, Legs, Pattern, RunInput, Schedule } from "./pattern.ts";
export type { Connection } from "./provider.ts";
export { unchecked, type Infer, type Schema } from "./schema.ts";
export type { Branch, Choice, Needs, ResultOf, TaskOptions, TaskRef, TaskSettings, TriggerRule } from "./task.ts";
export type { EmitDetails, Logger, RunInfo, TaskContext, TaskInfo, TaskScope } from "./task-context.ts";
export type { EventTrigger, Trigger } from "./trigger.ts";
export type { Envelope, Watcher, WatcherOptions } from "./watcher.ts";
