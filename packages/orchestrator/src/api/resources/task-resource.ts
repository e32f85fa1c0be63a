import { type Static, Type } from "typebox";
import type { DagSnapshot, TaskSnapshot } from "../../domain/dag-snapshot.ts";
import { AnyObject, nullable, NullableInstant, NullableNumber, NullableText } from "./nullable.ts";

const TimeDelta = Type.Object({ __type: Type.String(), days: Type.Integer(), seconds: Type.Integer(), microseconds: Type.Integer() });
const NullableTexts = nullable(Type.Array(Type.String()));

export const TaskSchema = Type.Object({
  task_id: NullableText,
  task_display_name: NullableText,
  owner: NullableText,
  start_date: NullableInstant,
  end_date: NullableInstant,
  trigger_rule: NullableText,
  depends_on_past: Type.Boolean(),
  wait_for_downstream: Type.Boolean(),
  retries: NullableNumber,
  queue: NullableText,
  pool: NullableText,
  pool_slots: NullableNumber,
  execution_timeout: nullable(TimeDelta),
  retry_delay: nullable(TimeDelta),
  retry_exponential_backoff: Type.Number(),
  priority_weight: NullableNumber,
  weight_rule: NullableText,
  ui_color: NullableText,
  ui_fgcolor: NullableText,
  template_fields: NullableTexts,
  downstream_task_ids: NullableTexts,
  doc_md: NullableText,
  operator_name: NullableText,
  params: nullable(AnyObject),
  class_ref: nullable(AnyObject),
  is_mapped: nullable(Type.Boolean()),
  extra_links: Type.Array(Type.String()),
  /** Ours: what the task gets from others, what comes first without a value, the assets it updates and reads, where it runs. */
  needs: Type.Array(Type.Object({ name: Type.String(), task_id: Type.String() })),
  after: Type.Array(Type.String()),
  outlets: Type.Array(Type.String()),
  inlets: Type.Array(Type.String()),
  isolation: Type.String(),
});

export function toTask(dag: DagSnapshot, task: TaskSnapshot, index: number): Static<typeof TaskSchema> {
  const idOf = (at: number): string => dag.tasks[at]?.id ?? "";
  const { id, retries, retryDelayMs, timeoutMs, isolation } = task;
  return {
    task_id: id,
    task_display_name: id,
    retries,
    execution_timeout: timeoutMs === null ? null : toTimeDelta(timeoutMs),
    retry_delay: toTimeDelta(retryDelayMs),
    downstream_task_ids: dag.tasks.filter((other) => requires(other, index)).map((other) => other.id),
    needs: task.needs.map((need) => ({ name: need.name, task_id: idOf(need.task) })),
    after: task.after.map(idOf),
    outlets: [...task.outlets],
    inlets: [...task.inlets],
    isolation,
    ...ALWAYS,
  };
}

/** What is the same for every task, in Airflow's fields. */
const ALWAYS = {
  owner: null,
  start_date: null,
  end_date: null,
  trigger_rule: "all_success",
  depends_on_past: false,
  wait_for_downstream: false,
  queue: null,
  pool: "default_pool",
  pool_slots: 1,
  retry_exponential_backoff: 2,
  priority_weight: 1,
  weight_rule: null,
  ui_color: null,
  ui_fgcolor: null,
  template_fields: [],
  doc_md: null,
  operator_name: "task",
  params: {},
  class_ref: { module_path: "@millrace/sdk", class_name: "Task" },
  is_mapped: false,
  extra_links: [],
};

function requires(task: TaskSnapshot, index: number): boolean {
  return task.after.includes(index) || task.needs.some((need) => need.task === index);
}

const DAY_MS = 86_400_000;

function toTimeDelta(ms: number): Static<typeof TimeDelta> {
  const days = Math.floor(ms / DAY_MS);
  const rest = ms - days * DAY_MS;
  const seconds = Math.floor(rest / 1000);
  return { __type: "TimeDelta", days, seconds, microseconds: Math.round((rest - seconds * 1000) * 1000) };
}
