import type { AssetEventBody, DagRunBody, TaskInstanceBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { describeCause } from "../output/describe-event.ts";
import { formatDuration, formatInstant, previewJson } from "../output/format-value.ts";
import { bold, colorState, formatFields, formatTable, print } from "../output/print.ts";
import { apiPath, getRun, openClient, parseLimit } from "./open-client.ts";

interface ListOptions extends ClientOptions {
  readonly state?: readonly string[];
  readonly limit: string;
}

const MAX_PAYLOAD_PREVIEW = 200;
/** A run of `coalesce` may have thousands. */
const MAX_EVENTS_SHOWN = 10;

export async function listRuns(context: CommandContext, dag: string | undefined, options: ListOptions): Promise<void> {
  const query = { limit: parseLimit(options.limit), order_by: "-id", state: options.state };
  const { dag_runs: runs } = await openClient(context, options).get<{ dag_runs: DagRunBody[] }>(
    apiPath`/dags/${dag ?? "~"}/dagRuns`,
    query,
  );
  const columns = [
    { title: "DAG", cell: (run: DagRunBody) => run.dag_id },
    { title: "RUN", cell: (run: DagRunBody) => run.dag_run_id },
    { title: "STATE", cell: (run: DagRunBody) => colorState(run.state) },
    { title: "CREATED", cell: (run: DagRunBody) => formatInstant(run.run_after) },
    { title: "TOOK", cell: (run: DagRunBody) => formatDuration(run.duration) },
    { title: "ERROR", cell: (run: DagRunBody) => firstLine(run.error ?? "") },
  ];
  print(options.output, runs, () => formatTable(runs, columns, "no runs"));
}

export async function showRun(context: CommandContext, dag: string, runId: string, options: ClientOptions): Promise<void> {
  const client = openClient(context, options);
  const run = await getRun(client, dag, runId);
  const path = apiPath`/dags/${run.dag_id}/dagRuns/${run.dag_run_id}`;
  const [{ task_instances: tasks }, { asset_events: events }] = await Promise.all([
    client.get<{ task_instances: TaskInstanceBody[] }>(`${path}/taskInstances`, { limit: 1000 }),
    client.get<{ asset_events: AssetEventBody[] }>(`${path}/upstreamAssetEvents`),
  ]);
  print(options.output, { run, tasks, events }, () =>
    [describeRun(run, events), describeTasks(tasks), ...describeErrors(tasks)].join("\n\n"),
  );
}

function describeRun(run: DagRunBody, events: readonly AssetEventBody[]): string {
  const params = Object.keys(run.conf ?? {}).length === 0 ? null : JSON.stringify(run.conf);
  const shown = events.slice(0, MAX_EVENTS_SHOWN);
  const causes = shown.map((event): [string, string] => ["Started by", describeCause(event)]);
  if (events.length > shown.length) causes.push(["", `and ${events.length - shown.length} more events`]);
  return formatFields([
    ["Run", run.dag_run_id],
    ["DAG", run.dag_id],
    ["State", colorState(run.state)],
    ["Error", run.error],
    ...(causes.length === 0 ? [["Started by", run.run_type === "manual" ? "hand" : run.run_type] as const] : causes),
    ...shown.map(({ payload }): [string, string] => ["Payload", previewJson(payload, MAX_PAYLOAD_PREVIEW)]),
    ["Params", params],
    ["Created", formatInstant(run.run_after)],
    ["Started", run.start_date === null ? null : formatInstant(run.start_date)],
    ["Ended", run.end_date === null ? null : `${formatInstant(run.end_date)}, after ${formatDuration(run.duration)}`],
    ["Taken up again", run.rescues === 0 ? null : `${run.rescues} times after a crash`],
  ]);
}

function describeTasks(tasks: readonly TaskInstanceBody[]): string {
  const columns = [
    { title: "TASK", cell: (task: TaskInstanceBody) => (task.map_index < 0 ? task.task_id : `${task.task_id}[${task.map_index}]`) },
    { title: "STATE", cell: (task: TaskInstanceBody) => colorState(task.state) },
    { title: "TRY", cell: (task: TaskInstanceBody) => (task.try_number === 0 ? "" : `${task.try_number}/${task.max_tries + 1}`) },
    { title: "STARTED", cell: (task: TaskInstanceBody) => formatInstant(task.start_date) },
    { title: "TOOK", cell: (task: TaskInstanceBody) => formatDuration(task.duration) },
  ];
  return formatTable(tasks, columns, "no tasks");
}

function describeErrors(tasks: readonly TaskInstanceBody[]): readonly string[] {
  return tasks.flatMap(({ task_id, error }) =>
    error === null ? [] : [`${bold(task_id)}: ${error.stack === "" ? `${error.name}: ${error.message}` : error.stack}`],
  );
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
