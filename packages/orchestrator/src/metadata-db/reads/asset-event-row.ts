import type { AssetEventRead, DagRunRead, MessageCause, TaskCause } from "../../domain/reads.ts";
import type { AssetEventTable } from "../../domain/tables.ts";
import { decodeHeaders, decodeJson, decodeObject } from "../stored-json.ts";

/** An asset event with the names its ids stand for. */
export interface EventRow extends AssetEventTable {
  asset_name: string | null;
  asset_uri: string | null;
  asset_group: string | null;
  source_name: string | null;
}

export function toAssetEvent(row: EventRow, sourceRun: DagRunRead | null, createdRuns: readonly DagRunRead[]): AssetEventRead {
  return {
    id: row.id,
    assetId: row.asset_id,
    name: row.asset_name,
    uri: row.asset_uri,
    group: row.asset_group,
    payload: decodeJson(row.payload),
    messageKey: row.message_key,
    headers: decodeHeaders(row.headers),
    extra: decodeObject(row.extra),
    partitionKey: row.partition_key,
    createdAt: row.created_at,
    message: messageCause(row),
    task: taskCause(row, sourceRun),
    createdRuns,
  };
}

function messageCause(row: EventRow): MessageCause | null {
  if (row.trigger_id === null) return null;
  return {
    triggerId: row.trigger_id,
    source: row.source_name,
    partition: row.partition,
    offset: row.message_offset,
    messageId: row.message_id,
    sentAt: row.sent_at,
  };
}

function taskCause(row: EventRow, run: DagRunRead | null): TaskCause | null {
  if (run === null || row.task_index === null) return null;
  const task = run.version.snapshot.tasks[row.task_index];
  return task === undefined ? null : { dagId: run.dagId, dagRunId: run.dagRunId, taskId: task.id, mapIndex: row.map_index ?? -1 };
}
