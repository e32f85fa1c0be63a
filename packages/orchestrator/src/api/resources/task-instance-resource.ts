import { type Static, Type } from "typebox";
import { deriveUuid } from "../../domain/ids.ts";
import type { TaskInstanceRead, TaskTryRead } from "../../domain/reads.ts";
import { DagVersionSchema, toDagVersion } from "./dag-version-resource.ts";
import { toDuration, toInstant, toNullableInstant } from "./instant.ts";
import { AnyObject, Instant, nullable, NullableInstant, NullableInteger, NullableNumber, NullableText } from "./nullable.ts";

const TaskError = Type.Object({ name: Type.String(), message: Type.String(), stack: Type.String() });

/** What a task instance and one of its tries have in common. */
const tryFields = {
  task_id: Type.String(),
  dag_id: Type.String(),
  dag_run_id: Type.String(),
  map_index: Type.Integer(),
  start_date: NullableInstant,
  end_date: NullableInstant,
  duration: NullableNumber,
  state: NullableText,
  try_number: Type.Integer(),
  max_tries: Type.Integer(),
  task_display_name: Type.String(),
  dag_display_name: Type.String(),
  hostname: NullableText,
  unixname: NullableText,
  pool: Type.String(),
  pool_slots: Type.Integer(),
  queue: NullableText,
  priority_weight: NullableInteger,
  operator: NullableText,
  operator_name: NullableText,
  queued_when: NullableInstant,
  scheduled_when: NullableInstant,
  pid: NullableInteger,
  executor: NullableText,
  executor_config: Type.String(),
  dag_version: nullable(DagVersionSchema),
  /** Ours. */
  error: nullable(TaskError),
};

export const TaskTrySchema = Type.Object(tryFields);
export const TaskTryCollectionSchema = Type.Object({ task_instances: Type.Array(TaskTrySchema), total_entries: Type.Integer() });

export const TaskInstanceSchema = Type.Object({
  id: Type.String({ format: "uuid" }),
  ...tryFields,
  logical_date: NullableInstant,
  run_after: Instant,
  note: NullableText,
  rendered_map_index: NullableText,
  rendered_fields: AnyObject,
  trigger: Type.Null(),
  triggerer_job: Type.Null(),
  /** Ours: when the next try may start, and how often the worker was lost under it. */
  next_try_at: NullableInstant,
  worker_lost: Type.Integer(),
});

export const TaskInstanceCollectionSchema = Type.Object({
  task_instances: Type.Array(TaskInstanceSchema),
  total_entries: NullableInteger,
  total_entries_limit: NullableInteger,
  next_cursor: NullableText,
  previous_cursor: NullableText,
});

export function toTaskInstance(instance: TaskInstanceRead): Static<typeof TaskInstanceSchema> {
  const { run, taskIndex, mapIndex, tryNumber } = instance;
  return {
    id: deriveUuid("task_instance", run.id, taskIndex, mapIndex, tryNumber),
    ...toTaskTry(instance, instance),
    queued_when: toNullableInstant(instance.queuedAt),
    logical_date: toNullableInstant(run.logicalDate),
    run_after: toInstant(run.createdAt),
    note: null,
    rendered_map_index: null,
    rendered_fields: {},
    trigger: null,
    triggerer_job: null,
    next_try_at: toNullableInstant(instance.dueAt),
    worker_lost: instance.workerLost,
  };
}

type Try = Omit<TaskTryRead, "state"> & Pick<TaskInstanceRead, "state">;

export function toTaskTry({ run, task, mapIndex }: TaskInstanceRead, attempt: Try): Static<typeof TaskTrySchema> {
  return {
    task_id: task.id,
    dag_id: run.dagId,
    dag_run_id: run.dagRunId,
    map_index: mapIndex,
    start_date: toNullableInstant(attempt.startedAt),
    end_date: toNullableInstant(attempt.endedAt),
    duration: toDuration(attempt.startedAt, attempt.endedAt),
    state: attempt.state,
    try_number: attempt.tryNumber,
    max_tries: task.retries,
    task_display_name: task.id,
    dag_display_name: run.dagId,
    error: attempt.error,
    dag_version: toDagVersion(run.version),
    ...ALWAYS,
  };
}

/** What is the same for every task instance, in Airflow's fields. */
const ALWAYS = {
  hostname: null,
  unixname: null,
  pool: "default_pool",
  pool_slots: 1,
  queue: null,
  priority_weight: 1,
  operator: "task",
  operator_name: "task",
  queued_when: null,
  scheduled_when: null,
  pid: null,
  executor: null,
  executor_config: "{}",
};
