import { type Static, Type } from "typebox";
import type { PatternSnapshot } from "../../domain/dag-snapshot.ts";
import { slotsOf } from "../../domain/pattern-parts.ts";
import type { AssetEventRead, DagRunRead, DecisionRead } from "../../domain/reads.ts";
import { toInstant, toNullableInstant } from "./instant.ts";
import { AnyObject, Headers, Instant, nullable, NullableInstant, NullableInteger, NullableText } from "./nullable.ts";
import { toText } from "./stored-bytes.ts";

const RunReference = Type.Object({
  run_id: Type.String(),
  dag_id: Type.String(),
  logical_date: NullableInstant,
  start_date: Instant,
  end_date: NullableInstant,
  state: Type.String(),
  data_interval_start: NullableInstant,
  data_interval_end: NullableInstant,
  partition_key: NullableText,
  triggering: Type.Boolean(),
});

const Message = Type.Object({
  trigger_id: Type.Integer(),
  source: NullableText,
  partition: NullableText,
  offset: NullableInteger,
  message_id: NullableText,
  sent_at: NullableInstant,
});

export const AssetEventSchema = Type.Object({
  id: Type.Integer(),
  asset_id: Type.Integer(),
  uri: NullableText,
  name: NullableText,
  group: NullableText,
  extra: nullable(AnyObject),
  source_task_id: NullableText,
  source_dag_id: NullableText,
  source_run_id: NullableText,
  source_map_index: Type.Integer(),
  created_dagruns: Type.Array(RunReference),
  timestamp: Instant,
  partition_key: NullableText,
  /** Ours: the payload itself, the message's key and headers, and which message it was. */
  payload: Type.Unknown(),
  key: NullableText,
  headers: Headers,
  message: nullable(Message),
});

export const AssetEventCollectionSchema = Type.Object({ asset_events: Type.Array(AssetEventSchema), total_entries: Type.Integer() });

export function toAssetEvent(event: AssetEventRead): Static<typeof AssetEventSchema> {
  const { task, message } = event;
  return {
    id: event.id,
    asset_id: event.assetId,
    uri: event.uri ?? event.name,
    name: event.name,
    group: event.group ?? "asset",
    extra: message === null ? event.extra : { ...event.extra, ...triggerExtra(event) },
    source_task_id: task?.taskId ?? null,
    source_dag_id: task?.dagId ?? null,
    source_run_id: task?.dagRunId ?? null,
    source_map_index: task?.mapIndex ?? -1,
    created_dagruns: event.createdRuns.map(toRunReference),
    timestamp: toInstant(event.createdAt),
    partition_key: event.partitionKey,
    payload: event.payload,
    key: toText(event.messageKey).text,
    headers: event.headers.map((header) => [...header]),
    message: message === null ? null : toMessage(message),
  };
}

/** Where Airflow's clients look for what a watcher brought. */
function triggerExtra({ payload }: AssetEventRead): { from_trigger: true; payload: unknown } {
  return { from_trigger: true, payload };
}

function toMessage({ triggerId, messageId, sentAt, ...where }: NonNullable<AssetEventRead["message"]>): Static<typeof Message> {
  return { trigger_id: triggerId, ...where, message_id: messageId, sent_at: toNullableInstant(sentAt) };
}

function toRunReference(run: DagRunRead): Static<typeof RunReference> {
  return {
    run_id: run.dagRunId,
    dag_id: run.dagId,
    logical_date: toNullableInstant(run.logicalDate),
    // Airflow wants an instant even before the start.
    start_date: toInstant(run.startedAt ?? run.createdAt),
    end_date: toNullableInstant(run.endedAt),
    state: run.state,
    data_interval_start: null,
    data_interval_end: null,
    partition_key: null,
    triggering: true,
  };
}

export const DecisionSchema = Type.Object({
  dag_id: Type.String(),
  /** Of the replay that it was decided in once more; null for the first time. */
  replay_id: NullableInteger,
  decision: Type.String(),
  reason: NullableText,
  dag_version_number: NullableInteger,
  /** The pattern of the version that decided. */
  pattern: NullableText,
  /** Its filters of this asset, where it has any. */
  where: NullableText,
  dag_run_id: NullableText,
  dag_run_state: NullableText,
  until: NullableInstant,
  decided_at: Instant,
});

export const DecisionCollectionSchema = Type.Object({ decisions: Type.Array(DecisionSchema), total_entries: Type.Integer() });

export function toDecision(decision: DecisionRead, asset: string | null): Static<typeof DecisionSchema> {
  const schedule = decision.version?.snapshot.schedule;
  return {
    dag_id: decision.dagId,
    replay_id: decision.replayId,
    decision: decision.decision,
    reason: decision.reason,
    dag_version_number: decision.version?.number ?? null,
    pattern: schedule?.text ?? null,
    where: schedule === undefined ? null : whereOf(schedule, asset),
    dag_run_id: decision.run?.dagRunId ?? null,
    dag_run_state: decision.run?.state ?? null,
    until: toNullableInstant(decision.until),
    decided_at: toInstant(decision.at),
  };
}

function whereOf(schedule: PatternSnapshot, asset: string | null): string | null {
  const filters = slotsOf(schedule).flatMap(({ source }) => (source.asset === asset && source.where !== null ? [source.where] : []));
  return filters.length === 0 ? null : filters.join(", ");
}
