import type { ApiClient } from "../api-client.ts";
import type { XcomBody } from "../asset-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { previewJson } from "../output/format-value.ts";
import { formatTable, print } from "../output/print.ts";
import { apiPath, getRun, openClient } from "./open-client.ts";

interface RunName {
  readonly dag: string;
  readonly run: string;
  readonly task: string | undefined;
}

type XcomValueBody = XcomBody & { readonly value: unknown };

const MAX_ROWS = 1_000;
const MAX_PREVIEW = 100;

/** With their values: for people the beginning of each, else all of it. */
export async function listXcoms(context: CommandContext, name: RunName, options: ClientOptions): Promise<void> {
  const client = openClient(context, options);
  const run = await getRun(client, name.dag, name.run);
  const path = apiPath`/dags/${run.dag_id}/dagRuns/${run.dag_run_id}/taskInstances`;
  const entries = await client.get<{ xcom_entries: XcomBody[] }>(`${path}/${encodeURIComponent(name.task ?? "~")}/xcomEntries`, {
    limit: MAX_ROWS,
  });
  const xcoms: XcomValueBody[] = [];
  for (const entry of entries.xcom_entries) xcoms.push(await getXcom(client, path, entry));
  const columns = [
    { title: "TASK", cell: (xcom: XcomBody) => (xcom.map_index < 0 ? xcom.task_id : `${xcom.task_id}[${xcom.map_index}]`) },
    { title: "KEY", cell: (xcom: XcomBody) => xcom.key },
    { title: "VALUE", cell: (xcom: XcomValueBody) => previewJson(xcom.value, MAX_PREVIEW) },
  ];
  print(options.output, xcoms, () => formatTable(xcoms, columns, "no task of the run has given anything back"));
}

async function getXcom(client: ApiClient, path: string, { task_id: task, key, map_index }: XcomBody): Promise<XcomValueBody> {
  return client.get<XcomValueBody>(`${path}${apiPath`/${task}/xcomEntries/${key}`}`, { map_index });
}
