import type { DagBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatCount } from "../output/format-value.ts";
import { print } from "../output/print.ts";
import { apiPath, openClient } from "./open-client.ts";

interface UnpauseOptions extends ClientOptions {
  readonly drop?: boolean;
}

type PausedDagBody = DagBody & { readonly pending_events: number };

export async function pauseDags(context: CommandContext, dags: readonly string[], options: ClientOptions): Promise<void> {
  await changeDags(context, dags, options, { is_paused: true }, ({ dag_id, pending_events: waiting }) =>
    waiting === 0
      ? `${dag_id} is paused: events that arrive from now on are held`
      : `${dag_id} is paused: ${formatCount(waiting, "event")} held, and those that arrive from now on`,
  );
}

export async function unpauseDags(context: CommandContext, dags: readonly string[], options: UnpauseOptions): Promise<void> {
  const change = { is_paused: false, drop_pending_events: options.drop === true };
  await changeDags(context, dags, options, change, ({ dag_id, pending_events: waiting }) =>
    waiting === 0
      ? `${dag_id} is active: no event waits`
      : `${dag_id} is active: ${formatCount(waiting, "event")} that waited ${waiting === 1 ? "is" : "are"} decided now`,
  );
}

async function changeDags(
  context: CommandContext,
  dags: readonly string[],
  options: ClientOptions,
  change: object,
  describe: (dag: PausedDagBody) => string,
): Promise<void> {
  const client = openClient(context, options);
  const changed: PausedDagBody[] = [];
  for (const dag of dags) changed.push(await client.patch<PausedDagBody>(apiPath`/dags/${dag}`, change));
  print(options.output, changed, () => changed.map(describe).join("\n"));
}
