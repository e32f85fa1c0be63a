import type { WorkerBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatInstant } from "../output/format-value.ts";
import { formatTable, print } from "../output/print.ts";
import { openClient } from "./open-client.ts";

export async function listWorkers(context: CommandContext, options: ClientOptions): Promise<void> {
  const { workers } = await openClient(context, options).get<{ workers: WorkerBody[] }>("/workers");
  print(options.output, workers, () => describeWorkers(workers));
}

/** A table, and below it why some get no work, for which it has no room. */
function describeWorkers(workers: readonly WorkerBody[]): string {
  const columns = [
    { title: "WORKER", cell: ({ worker_id }: WorkerBody) => worker_id },
    { title: "HOST", cell: ({ host }: WorkerBody) => host },
    { title: "VERSION", cell: ({ version }: WorkerBody) => version },
    { title: "STATE", cell: ({ state }: WorkerBody) => state },
    { title: "SINCE", cell: ({ since }: WorkerBody) => formatInstant(since) },
    { title: "RUNNING", cell: ({ running, slots }: WorkerBody) => `${running} of ${slots}` },
    { title: "LAST HEARTBEAT", cell: ({ last_heartbeat }: WorkerBody) => formatInstant(last_heartbeat) },
  ];
  const reasons = workers.flatMap(({ worker_id, reason }) => (reason === null ? [] : [`${worker_id}: ${reason}`]));
  return [formatTable(workers, columns, "no workers"), ...reasons].join("\n");
}
