import type { ProcessBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatDuration, formatInstant } from "../output/format-value.ts";
import { formatTable, print } from "../output/print.ts";
import { openClient } from "./open-client.ts";

export async function listProcesses(context: CommandContext, options: ClientOptions): Promise<void> {
  const { processes } = await openClient(context, options).get<{ processes: ProcessBody[] }>("/processes");
  const columns = [
    { title: "PROCESS", cell: ({ process_id }: ProcessBody) => String(process_id) },
    { title: "ROLES", cell: ({ roles }: ProcessBody) => roles.join("+") },
    { title: "HOST", cell: ({ host, pid }: ProcessBody) => `${host} pid ${pid}` },
    { title: "STATE", cell: ({ state }: ProcessBody) => state },
    { title: "SINCE", cell: ({ started_at }: ProcessBody) => formatInstant(started_at) },
    { title: "SILENT FOR", cell: ({ heartbeat_age_seconds }: ProcessBody) => formatDuration(heartbeat_age_seconds) },
    { title: "SHARDS", cell: ({ shards }: ProcessBody) => String(shards) },
    { title: "LOAD", cell: ({ load }: ProcessBody) => String(load) },
    { title: "WORKERS", cell: ({ workers }: ProcessBody) => String(workers) },
    { title: "TRIGGERS", cell: ({ triggers }: ProcessBody) => String(triggers) },
    { title: "VERSION", cell: ({ version }: ProcessBody) => version ?? "" },
  ];
  print(options.output, processes, () => formatTable(processes, columns, "no processes"));
}
