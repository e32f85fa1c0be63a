import { setTimeout as pause } from "node:timers/promises";
import { styleText } from "node:util";
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

interface TaskName {
  readonly dag: string;
  readonly run: string;
  readonly task: string;
}

const POLL_MS = 500;

export async function showLogs(context: CommandContext, name: TaskName, options: LogOptions): Promise<void> {
  const client = openClient(context, options);
  const run = await getRun(client, name.dag, name.run);
  const path = apiPath`/dags/${name.dag}/dagRuns/${run.dag_run_id}/taskInstances/${name.task}`;
  const tryNumber = options.try === undefined ? await latestTry(client, path) : parseTry(options.try);
  const write = options.output === "json" ? (line: LogPageBody["content"][number]) => JSON.stringify(line) : formatLine;
  const count = await printPages(client, `${path}/logs/${tryNumber}`, options.follow === true, (line) =>
    process.stdout.write(`${write(line)}\n`),
  );
  if (count === 0) console.error(`try ${tryNumber} of task '${name.task}' has logged nothing${options.follow === true ? "" : " yet"}`);
}

async function latestTry(client: ApiClient, path: string): Promise<number> {
  const { try_number: number } = await client.get<TaskInstanceBody>(path);
  return Math.max(1, number);
}

/** @throws {MillraceError} USAGE */
function parseTry(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new MillraceError("USAGE", `--try: expected an integer from 1, got '${text}'`);
}

/** Prints what is stored; when following, until the try is over. Returns how many lines that was. */
async function printPages(
  client: ApiClient,
  path: string,
  follow: boolean,
  write: (line: LogPageBody["content"][number]) => void,
): Promise<number> {
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
  return count;
}

const LEVEL_COLORS = { error: "red", warn: "yellow", debug: "gray" } as const;

function formatLine({ timestamp, event, level, ...more }: LogPageBody["content"][number]): string {
  const fields = Object.fromEntries(Object.entries(more).filter(([name, value]) => name !== "stream" || value !== "stdout"));
  const color = level in LEVEL_COLORS ? LEVEL_COLORS[level as keyof typeof LEVEL_COLORS] : undefined;
  const label = level.toUpperCase().padEnd(5);
  const shown = color === undefined ? label : styleText(color, label, { stream: process.stdout });
  const rest = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
  return `${timestamp} ${shown} ${event}${rest}`;
}
