import type { WatcherBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatInstant } from "../output/format-value.ts";
import { formatTable, print } from "../output/print.ts";
import { findAsset } from "./find-asset.ts";
import { openClient } from "./open-client.ts";

interface ListOptions extends ClientOptions {
  readonly asset?: string;
}

export async function listWatchers(context: CommandContext, options: ListOptions): Promise<void> {
  const client = openClient(context, options);
  const assetId = options.asset === undefined ? undefined : (await findAsset(client, options.asset)).id;
  const { watchers } = await client.get<{ watchers: WatcherBody[] }>("/watchers", { asset_id: assetId });
  print(options.output, watchers, () => describeWatchers(watchers));
}

/** A table, and below it the errors, which have no room in it. */
export function describeWatchers(watchers: readonly WatcherBody[]): string {
  const columns = [
    { title: "WATCHER", cell: ({ asset_name, name }: WatcherBody) => `${asset_name}.${name}` },
    { title: "TRIGGER", cell: ({ kind, params }: WatcherBody) => `${kind} ${JSON.stringify(params)}` },
    { title: "CONNECTION", cell: ({ connection_id }: WatcherBody) => connection_id },
    { title: "STATE", cell: ({ health }: WatcherBody) => health?.state ?? "not open" },
    { title: "LAG", cell: ({ health }: WatcherBody) => String(health?.lag ?? "?") },
    { title: "MESSAGES", cell: ({ health }: WatcherBody) => String(health?.messages ?? 0) },
    { title: "LAST MESSAGE", cell: ({ health }: WatcherBody) => formatInstant(health?.last_message_at ?? null) },
  ];
  const errors = watchers.flatMap(({ asset_name, name, health }) =>
    health?.last_error ? [`${asset_name}.${name}: ${health.last_error}`] : [],
  );
  return [formatTable(watchers, columns, "no watchers"), ...errors].join("\n");
}
