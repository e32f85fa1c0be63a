import { setTimeout as pause } from "node:timers/promises";
import { styleText } from "node:util";
import { stringify } from "yaml";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { LogPageBody, TaskInstanceBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { apiPath, getRun, openClient } from "./open-client.ts";

interface LogOptions extends ClientOptions {
  readonly try?: string;
  readonly follow?: boolean;
}

interface LogName {
  readonly dag: string;
  readonly run: string;
  /** All of the run's tasks, one after the other, where it is left out. */
  readonly task: string | undefined;
}

type LogLine = LogPageBody["content"][number];
type Write = (line: LogLine) => void;

const POLL_MS = 500;

export async function showLogs(context: CommandContext, name: LogName, options: LogOptions): Promise<void> {
  const client = openClient(context, options);
  const run = await getRun(client, name.dag, name.run);
  const path = apiPath`/dags/${name.dag}/dagRuns/${run.dag_run_id}/taskInstances`;
  if (name.task === undefined) return showAll(client, path, options);
  const instance = await client.get<TaskInstanceBody>(`${path}/${encodeURIComponent(name.task)}`);
  await showTask(client, path, instance, options, "");
}

async function showAll(client: ApiClient, path: string, options: LogOptions): Promise<void> {
  const { task_instances: tasks } = await client.get<{ task_instances: TaskInstanceBody[] }>(path, { limit: 1000 });
  const width = Math.max(...tasks.map(({ task_id }) => task_id.length));
  for (const task of tasks) await showTask(client, path, task, options, `${task.task_id.padEnd(width)}  `);
}

async function showTask(client: ApiClient, path: string, task: TaskInstanceBody, options: LogOptions, prefix: string): Promise<void> {
  const { task_id: id, try_number: latest } = task;
  const tryNumber = options.try === undefined ? Math.max(1, latest) : parseTry(options.try);
  const format = { json: formatJson, yaml: formatYaml, table: (_id: string, line: LogLine) => prefix + formatLine(line) }[options.output];
  const write: Write = (line) => process.stdout.write(`${format(id, line)}\n`);
  const { count, isOver } = await printPages(client, `${path}/${encodeURIComponent(id)}/logs/${tryNumber}`, options.follow === true, write);
  if (count > 0) return;
  if (tryNumber > Math.max(1, latest)) console.error(`task '${id}' has no try ${tryNumber}: its latest is ${latest}`);
  else console.error(`try ${tryNumber} of task '${id}' has logged nothing${isOver ? "" : " yet"}`);
}

/** @throws {MillraceError} USAGE */
function parseTry(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new MillraceError("USAGE", `--try: expected an integer from 1, got '${text}'`);
}

/** Prints what is stored; when following, until the try is over. */
async function printPages(client: ApiClient, path: string, follow: boolean, write: Write): Promise<{ count: number; isOver: boolean }> {
  let count = 0;
  let token: string | null = "";
  while (token !== null) {
    const page: LogPageBody = await client.get<LogPageBody>(path, token === "" ? {} : { token });
    for (const line of page.content) write(line);
    count += page.content.length;
    token = page.continuation_token;
    if (page.content.length > 0) continue;
    if (!follow) break;
    if (token !== null) await pause(POLL_MS);
  }
  return { count, isOver: token === null };
}

function formatJson(task: string, line: LogLine): string {
  return JSON.stringify({ task_id: task, ...line });
}

/** An item of a list, which they are together. */
function formatYaml(task: string, line: LogLine): string {
  return stringify([{ task_id: task, ...line }]).trimEnd();
}

const LEVEL_COLORS = { error: "red", warn: "yellow", debug: "gray" } as const;

function formatLine({ timestamp, event, level, ...more }: LogLine): string {
  const fields = Object.fromEntries(Object.entries(more).filter(([name, value]) => name !== "stream" || value !== "stdout"));
  const color = level in LEVEL_COLORS ? LEVEL_COLORS[level as keyof typeof LEVEL_COLORS] : undefined;
  const label = level.toUpperCase().padEnd(5);
  const shown = color === undefined ? label : styleText(color, label, { stream: process.stdout });
  const rest = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
  return `${timestamp} ${shown} ${event}${rest}`;
}
