import { setTimeout as pause } from "node:timers/promises";
import type { ApiClient } from "../api-client.ts";
import type { DagRunBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { EXIT } from "../exit-code.ts";
import { formatDuration } from "../output/format-value.ts";
import { colorState, print } from "../output/print.ts";
import { readJsonArgument, readObjectArgument } from "../read-json-argument.ts";
import { apiPath, openClient } from "./open-client.ts";

interface TriggerOptions extends ClientOptions {
  readonly payload?: string;
  readonly conf?: string;
  readonly runId?: string;
  readonly logicalDate?: string;
  readonly wait?: boolean;
}

const POLL_MS = 300;

export async function triggerDag(context: CommandContext, dag: string, options: TriggerOptions): Promise<void> {
  const payload = await readJsonArgument("--payload", options.payload);
  const conf = await readObjectArgument("--conf", options.conf);
  const client = openClient(context, options);
  const created = await client.post<DagRunBody>(apiPath`/dags/${dag}/dagRuns`, {
    dag_run_id: options.runId ?? null,
    logical_date: options.logicalDate ?? null,
    conf,
    ...(payload === undefined ? {} : { payload }),
  });
  const run = options.wait === true ? await waitForEnd(client, created) : created;
  if (run.state === "failed") context.setExitCode(EXIT.failure);
  print(options.output, run, () => describe(run));
}

async function waitForEnd(client: ApiClient, run: DagRunBody): Promise<DagRunBody> {
  let current = run;
  while (current.end_date === null) {
    await pause(POLL_MS);
    current = await client.get<DagRunBody>(apiPath`/dags/${run.dag_id}/dagRuns/${run.dag_run_id}`);
  }
  return current;
}

function describe(run: DagRunBody): string {
  const end = run.duration === null ? "" : ` after ${formatDuration(run.duration)}`;
  const more = run.state === "failed" ? [run.error, `see \`millrace runs show ${run.dag_id} ${run.dag_run_id}\``] : [];
  return [`${run.dag_run_id}  ${colorState(run.state)}${end}`, ...more].filter((line) => line !== null).join("\n");
}
