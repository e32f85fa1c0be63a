import type { DagBody, DagDetailsBody, ImportErrorBody, TaskBody, WatcherBody } from "../api-resources.ts";
import type { QueuedEventBody } from "../asset-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { describeImportError } from "../output/describe-import-error.ts";
import { formatCount, formatInstant } from "../output/format-value.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { apiPath, openClient } from "./open-client.ts";
import { describeWatchers } from "./watcher-actions.ts";

interface ListOptions extends ClientOptions {
  readonly tag?: string;
  readonly all?: boolean;
  readonly paused?: boolean;
}

const MAX_ROWS = 1_000;

export async function listDags(context: CommandContext, options: ListOptions): Promise<void> {
  const query = { limit: MAX_ROWS, tags: options.tag, exclude_stale: options.all !== true, paused: options.paused };
  const { dags } = await openClient(context, options).get<{ dags: DagBody[] }>("/dags", query);
  const columns = [
    { title: "DAG", cell: (dag: DagBody) => dag.dag_id },
    { title: "STATE", cell: describeDagState },
    { title: "RUNS ON", cell: (dag: DagBody) => dag.timetable_summary ?? "" },
    { title: "HELD", cell: ({ held }: DagBody) => (held === null ? "" : String(held.events)) },
    { title: "FILE", cell: (dag: DagBody) => dag.relative_fileloc ?? dag.fileloc },
    { title: "TAGS", cell: (dag: DagBody) => dag.tags.map(({ name }) => name).join(" ") },
  ];
  const held = dags.flatMap((dag) => (dag.held === null ? [] : [`${dag.dag_id}: ${describeHeld(dag.held)}`]));
  print(options.output, dags, () => [formatTable(dags, columns, sayNone(options)), ...held].join("\n"));
}

function describeHeld({ events, since, reason }: NonNullable<DagBody["held"]>): string {
  return `${formatCount(events, "event")} held since ${formatInstant(since)}: ${reason}`;
}

function sayNone({ tag, paused }: ListOptions): string {
  if (tag !== undefined) return `no DAG has the tag '${tag}'`;
  return paused === true ? "no DAG is paused" : "no DAGs are loaded; `millrace dags errors` shows the files that do not load";
}

function describeDagState(dag: DagBody): string {
  if (dag.is_stale) return "file is gone";
  if (dag.has_import_errors) return "import error";
  return dag.is_paused ? "paused" : "active";
}

export async function showDag(context: CommandContext, dagId: string, options: ClientOptions): Promise<void> {
  const client = openClient(context, options);
  const dag = await client.get<DagDetailsBody>(apiPath`/dags/${dagId}/details`);
  const [{ tasks }, { watchers: all }, { queued_events: queued }] = await Promise.all([
    client.get<{ tasks: TaskBody[] }>(apiPath`/dags/${dagId}/tasks`),
    client.get<{ watchers: WatcherBody[] }>("/watchers"),
    client.get<{ queued_events: QueuedEventBody[] }>(apiPath`/dags/${dagId}/assets/queuedEvents`),
  ]);
  const watchers = all.filter(({ asset_name }) => dag.schedule.assets.includes(asset_name));
  print(options.output, { dag, tasks, watchers, queued_events: queued }, () =>
    [describeDag(dag), describeTasks(tasks), describeWatchers(watchers)].join("\n\n"),
  );
}

function describeDag(dag: DagDetailsBody): string {
  return formatFields([
    ["DAG", dag.dag_id],
    ["Description", dag.description],
    ["State", describeDagState(dag)],
    ["Runs on", dag.schedule.text],
    ["Held", dag.held === null ? null : describeHeld(dag.held)],
    [
      "Version",
      dag.latest_dag_version === null
        ? null
        : `${dag.latest_dag_version.version_number}, of ${formatInstant(dag.latest_dag_version.created_at)}`,
    ],
    ["File", dag.fileloc],
    ["Tags", dag.tags.length === 0 ? null : dag.tags.map(({ name }) => name).join(" ")],
    [
      "Active runs",
      dag.max_active_runs === null ? String(dag.active_runs_count) : `${dag.active_runs_count} of at most ${dag.max_active_runs}`,
    ],
  ]);
}

function describeTasks(tasks: readonly TaskBody[]): string {
  const columns = [
    { title: "TASK", cell: (task: TaskBody) => task.task_id },
    {
      title: "NEEDS",
      cell: (task: TaskBody) => task.needs.map(({ name, task_id }) => (name === task_id ? name : `${name} (${task_id})`)).join(", "),
    },
    { title: "AFTER", cell: (task: TaskBody) => task.after.join(", ") },
    { title: "UPDATES", cell: (task: TaskBody) => task.outlets.join(", ") },
    { title: "RETRIES", cell: (task: TaskBody) => String(task.retries) },
  ];
  return formatTable(tasks, columns, "no tasks");
}

export async function listImportErrors(context: CommandContext, options: ClientOptions): Promise<void> {
  const { import_errors: errors } = await openClient(context, options).get<{ import_errors: ImportErrorBody[] }>("/importErrors", {
    limit: MAX_ROWS,
  });
  print(options.output, errors, () =>
    errors.length === 0
      ? "every DAG file loads"
      : errors.map(({ filename, ...error }) => describeImportError({ file: filename, ...error })).join("\n\n"),
  );
}
