import { type Static, Type } from "typebox";
import type { AssetRead, AssetUse } from "../../domain/reads.ts";
import { toInstant } from "./instant.ts";
import { AnyObject, Instant, nullable, NullableInstant, NullableInteger, NullableText } from "./nullable.ts";

const dagUse = { dag_id: Type.String(), created_at: Instant, updated_at: Instant };
const TaskUse = Type.Object({ ...dagUse, task_id: Type.String() });

export const AssetSchema = Type.Object({
  id: Type.Integer(),
  name: Type.String(),
  uri: Type.String(),
  group: Type.String(),
  extra: nullable(AnyObject),
  created_at: Instant,
  updated_at: Instant,
  scheduled_dags: Type.Array(Type.Object(dagUse)),
  producing_tasks: Type.Array(TaskUse),
  consuming_tasks: Type.Array(TaskUse),
  aliases: Type.Array(Type.Object({ id: Type.Integer(), name: Type.String(), group: Type.String() })),
  watchers: Type.Array(Type.Object({ name: Type.String(), trigger_id: Type.Integer(), created_date: Instant })),
  last_asset_event: nullable(Type.Object({ id: NullableInteger, timestamp: NullableInstant })),
  /** Ours. */
  description: NullableText,
  schema: nullable(AnyObject),
});

export const AssetCollectionSchema = Type.Object({ assets: Type.Array(AssetSchema), total_entries: Type.Integer() });

const DEFAULT_GROUP = "asset";

export function toAsset(asset: AssetRead): Static<typeof AssetSchema> {
  const { lastEvent } = asset;
  return {
    id: asset.id,
    name: asset.name,
    // As in Airflow, an asset without a URI goes by its name.
    uri: asset.uri ?? asset.name,
    group: asset.group ?? DEFAULT_GROUP,
    extra: asset.extra,
    created_at: toInstant(asset.createdAt),
    updated_at: toInstant(asset.updatedAt),
    scheduled_dags: asset.scheduledDags.map(toUse),
    producing_tasks: asset.producingTasks.map((use) => ({ ...toUse(use), task_id: use.taskId })),
    consuming_tasks: asset.consumingTasks.map((use) => ({ ...toUse(use), task_id: use.taskId })),
    aliases: [],
    watchers: asset.watchers.map(({ name, triggerId, createdAt }) => ({ name, trigger_id: triggerId, created_date: toInstant(createdAt) })),
    last_asset_event: lastEvent === null ? null : { id: lastEvent.id, timestamp: toInstant(lastEvent.createdAt) },
    description: asset.description,
    schema: asset.schema,
  };
}

function toUse({ dagId, createdAt, updatedAt }: AssetUse): { dag_id: string; created_at: string; updated_at: string } {
  return { dag_id: dagId, created_at: toInstant(createdAt), updated_at: toInstant(updatedAt) };
}
