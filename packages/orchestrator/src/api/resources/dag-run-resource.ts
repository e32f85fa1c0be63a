import { type Static, Type } from "typebox";
import type { DagRunRead } from "../../domain/reads.ts";
import type { RunType } from "../../domain/states.ts";
import { DagVersionSchema, toDagVersion } from "./dag-version-resource.ts";
import { toDuration, toInstant, toNullableInstant } from "./instant.ts";
import { AnyObject, Instant, nullable, NullableInstant, NullableInteger, NullableNumber, NullableText } from "./nullable.ts";

const runFields = {
  dag_run_id: Type.String(),
  dag_id: Type.String(),
  logical_date: NullableInstant,
  queued_at: NullableInstant,
  start_date: NullableInstant,
  end_date: NullableInstant,
  duration: NullableNumber,
  data_interval_start: NullableInstant,
  data_interval_end: NullableInstant,
  run_after: Instant,
  last_scheduling_decision: NullableInstant,
  run_type: Type.String(),
  state: Type.String(),
  triggered_by: NullableText,
  triggering_user_name: NullableText,
  conf: nullable(AnyObject),
  note: NullableText,
  dag_versions: Type.Array(DagVersionSchema),
  bundle_version: NullableText,
  dag_display_name: Type.String(),
  partition_key: NullableText,
  partition_date: NullableInstant,
  /** Ours: the asset event that started it, why it failed, how often it was taken up again after a crash. */
  asset_event_id: NullableInteger,
  error: NullableText,
  rescues: Type.Integer(),
};

export const DagRunSchema = Type.Object(runFields);

export const DagRunCollectionSchema = Type.Object({
  dag_runs: Type.Array(DagRunSchema),
  total_entries: NullableInteger,
  total_entries_limit: NullableInteger,
  next_cursor: NullableText,
  previous_cursor: NullableText,
});

const TRIGGERED_BY = {
  asset_triggered: "asset",
  scheduled: "timetable",
  manual: "rest_api",
  backfill: "backfill",
  asset_materialization: "asset",
} as const satisfies Record<RunType, string>;

export function toDagRun(run: DagRunRead): Static<typeof DagRunSchema> {
  return {
    dag_run_id: run.dagRunId,
    dag_id: run.dagId,
    logical_date: toNullableInstant(run.logicalDate),
    queued_at: toInstant(run.createdAt),
    start_date: toNullableInstant(run.startedAt),
    end_date: toNullableInstant(run.endedAt),
    duration: toDuration(run.startedAt, run.endedAt),
    data_interval_start: null,
    data_interval_end: null,
    run_after: toInstant(run.createdAt),
    last_scheduling_decision: null,
    run_type: run.runType,
    state: run.state,
    triggered_by: TRIGGERED_BY[run.runType],
    triggering_user_name: null,
    conf: run.params,
    note: null,
    dag_versions: [toDagVersion(run.version)],
    bundle_version: run.version.bundleHash,
    dag_display_name: run.dagId,
    partition_key: null,
    partition_date: null,
    asset_event_id: run.eventId,
    error: run.error,
    rescues: run.rescues,
  };
}
