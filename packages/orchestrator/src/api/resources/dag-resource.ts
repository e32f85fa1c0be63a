import { type Static, Type } from "typebox";
import { assetsOf, isTimePart, partsOf } from "../../domain/pattern-parts.ts";
import type { HeldEvents } from "../../domain/queued-event-reads.ts";
import type { DagRead } from "../../domain/reads.ts";
import { RUN_TYPE_CODES } from "../../domain/states.ts";
import { DagVersionSchema, toDagVersion } from "./dag-version-resource.ts";
import { toInstant } from "./instant.ts";
import { AnyObject, Instant, nullable, NullableInstant, NullableInteger, NullableNumber, NullableText } from "./nullable.ts";

const Tag = Type.Object({ name: Type.String(), dag_id: Type.String(), dag_display_name: Type.String() });
const RunTypes = Type.Array(Type.String());

const dagFields = {
  dag_id: Type.String(),
  dag_display_name: Type.String(),
  is_paused: Type.Boolean(),
  is_stale: Type.Boolean(),
  last_parsed_time: NullableInstant,
  last_parse_duration: NullableNumber,
  last_expired: NullableInstant,
  bundle_name: NullableText,
  bundle_version: NullableText,
  relative_fileloc: NullableText,
  fileloc: Type.String(),
  description: NullableText,
  timetable_summary: NullableText,
  timetable_description: NullableText,
  timetable_partitioned: Type.Boolean(),
  timetable_periodic: Type.Boolean(),
  tags: Type.Array(Tag),
  max_active_tasks: Type.Integer(),
  max_active_runs: NullableInteger,
  max_consecutive_failed_dag_runs: Type.Integer(),
  has_task_concurrency_limits: Type.Boolean(),
  has_import_errors: Type.Boolean(),
  next_dagrun_logical_date: NullableInstant,
  next_dagrun_data_interval_start: NullableInstant,
  next_dagrun_data_interval_end: NullableInstant,
  next_dagrun_run_after: NullableInstant,
  allowed_run_types: nullable(RunTypes),
  owners: Type.Array(Type.String()),
  is_backfillable: Type.Boolean(),
  file_token: Type.String(),
};

export const DagSchema = Type.Object(dagFields);

/** Ours: events that wait for the DAG, since when (of the oldest), and why. */
const HeldSchema = Type.Object({ events: Type.Integer(), since: Instant, reason: Type.String() });

export const HoldingDagSchema = Type.Object({ ...dagFields, held: nullable(HeldSchema) });

export const DagCollectionSchema = Type.Object({ dags: Type.Array(HoldingDagSchema), total_entries: Type.Integer() });

/** Ours: what the DAG waits for. `text` is the pattern as a person would write it. */
/** Ours: the pattern as it was resolved, and the assets it waits for. */
const ScheduleSchema = Type.Object({ kind: Type.String(), text: Type.String(), assets: Type.Array(Type.String()) });

export const DagDetailsSchema = Type.Object({
  ...dagFields,
  catchup: Type.Boolean(),
  dag_run_timeout: NullableText,
  asset_expression: nullable(AnyObject),
  doc_md: NullableText,
  start_date: NullableInstant,
  end_date: NullableInstant,
  is_paused_upon_creation: nullable(Type.Boolean()),
  params: nullable(AnyObject),
  render_template_as_native_obj: Type.Boolean(),
  template_search_path: nullable(Type.Array(Type.String())),
  timezone: NullableText,
  last_parsed: NullableInstant,
  default_args: nullable(AnyObject),
  rerun_with_latest_version: nullable(Type.Boolean()),
  owner_links: nullable(AnyObject),
  is_favorite: Type.Boolean(),
  active_runs_count: Type.Integer(),
  concurrency: Type.Integer(),
  latest_dag_version: nullable(DagVersionSchema),
  schedule: ScheduleSchema,
  held: nullable(HeldSchema),
  params_schema: nullable(AnyObject),
});

const DEFAULT_MAX_ACTIVE_TASKS = 64;

export function toDag(dag: DagRead): Static<typeof DagSchema> {
  const { dagId, version } = dag;
  const { description, schedule, tags, maxActiveRuns } = version.snapshot;
  return {
    dag_id: dagId,
    dag_display_name: dagId,
    is_paused: dag.isPaused,
    is_stale: dag.isStale,
    last_parsed_time: toInstant(dag.loadedAt),
    bundle_version: version.bundleHash,
    relative_fileloc: dag.file,
    fileloc: version.sourcePath,
    description,
    timetable_summary: schedule.text,
    timetable_description: describeSchedule(schedule),
    tags: tags.map((name) => ({ name, dag_id: dagId, dag_display_name: dagId })),
    has_import_errors: dag.hasImportError,
    allowed_run_types: Object.keys(RUN_TYPE_CODES),
    file_token: Buffer.from(dag.file).toString("base64url"),
    max_active_runs: maxActiveRuns,
    timetable_periodic: partsOf(schedule).some(isTimePart),
    ...NOT_THERE,
  };
}

export function toHoldingDag(dag: DagRead, held: HeldEvents | undefined): Static<typeof HoldingDagSchema> {
  return { ...toDag(dag), held: held === undefined ? null : toHeld(dag, held) };
}

function toHeld({ isPaused, version }: DagRead, { count, since, activeRuns }: HeldEvents): Static<typeof HeldSchema> {
  const { maxActiveRuns } = version.snapshot;
  const isFull = maxActiveRuns !== null && activeRuns >= maxActiveRuns;
  const pattern = isFull
    ? `${activeRuns} of at most ${maxActiveRuns} runs are active`
    : "its pattern waits for more, or they are about to be decided";
  return { events: count, since: toInstant(since), reason: isPaused ? "the DAG is paused" : pattern };
}

/** Airflow's fields for what Millrace does not have. */
const NOT_THERE = {
  last_parse_duration: null,
  last_expired: null,
  bundle_name: null,
  timetable_partitioned: false,
  max_active_tasks: DEFAULT_MAX_ACTIVE_TASKS,
  max_consecutive_failed_dag_runs: 0,
  has_task_concurrency_limits: false,
  next_dagrun_logical_date: null,
  next_dagrun_data_interval_start: null,
  next_dagrun_data_interval_end: null,
  next_dagrun_run_after: null,
  owners: [],
  is_backfillable: false,
};

type Schedule = DagRead["version"]["snapshot"]["schedule"];

function describeSchedule(schedule: Schedule): string {
  switch (schedule.kind) {
    case "none":
      return "Runs by hand only";
    case "each":
      return `One run for each event of ${sourcesText(schedule.sources)}`;
    case "coalesce":
      return `One run for all events of ${sourcesText(schedule.sources)} that are pending`;
    case "all":
      return `One run once there are events of ${schedule.legs.map(({ sources }) => sourcesText(sources)).join(" and of ")}`;
    case "any":
      return schedule.patterns.map(describeSchedule).join(", or: ");
    case "cron":
      return `A run at each time of ${schedule.expression} (${schedule.timeZone})`;
    case "every":
      return `A run every ${schedule.intervalMs / 1000} s`;
  }
}

function sourcesText(sources: readonly { readonly asset: string; readonly where: string | null }[]): string {
  return sources.map(({ asset, where }) => `asset '${asset}'${where === null ? "" : ` where ${where}`}`).join(" or ");
}

/** `assetExpression`: Airflow's tree of the assets a DAG waits for. */
export function toDagDetails(
  dag: DagRead,
  {
    assetExpression,
    activeRuns,
    held,
  }: { readonly assetExpression: Record<string, unknown> | null; readonly activeRuns: number; readonly held: HeldEvents | undefined },
): Static<typeof DagDetailsSchema> {
  const { schedule, paramsSchema } = dag.version.snapshot;
  return {
    ...toHoldingDag(dag, held),
    catchup: false,
    dag_run_timeout: null,
    asset_expression: assetExpression,
    doc_md: null,
    start_date: null,
    end_date: null,
    is_paused_upon_creation: null,
    params: paramDefaults(paramsSchema),
    render_template_as_native_obj: false,
    template_search_path: null,
    timezone: "UTC",
    last_parsed: toInstant(dag.loadedAt),
    default_args: null,
    rerun_with_latest_version: null,
    owner_links: null,
    is_favorite: false,
    active_runs_count: activeRuns,
    concurrency: DEFAULT_MAX_ACTIVE_TASKS,
    latest_dag_version: toDagVersion(dag.version),
    schedule: { kind: schedule.kind, text: schedule.text, assets: [...assetsOf(schedule)] },
    params_schema: paramsSchema,
  };
}

/** Params as Airflow shows them: name → default, description, schema. */
function paramDefaults(schema: Readonly<Record<string, unknown>> | null): Record<string, unknown> | null {
  const properties = schema?.["properties"];
  if (typeof properties !== "object" || properties === null) return null;
  const entries = Object.entries(properties as Record<string, { default?: unknown; description?: string } | undefined>);
  return Object.fromEntries(
    entries.map(([name, property]) => [
      name,
      { value: property?.default ?? null, description: property?.description ?? null, schema: property ?? {} },
    ]),
  );
}
