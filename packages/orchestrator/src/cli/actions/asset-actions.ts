import type { AssetBody, QueuedEventBody } from "../asset-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatCount, formatInstant } from "../output/format-value.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { findAsset } from "./find-asset.ts";
import { openClient } from "./open-client.ts";

const MAX_ROWS = 1_000;

export async function listAssets(context: CommandContext, options: ClientOptions): Promise<void> {
  const { assets } = await openClient(context, options).get<{ assets: AssetBody[] }>("/assets", { limit: MAX_ROWS });
  const columns = [
    { title: "ASSET", cell: (asset: AssetBody) => asset.name },
    { title: "URI", cell: (asset: AssetBody) => (asset.uri === asset.name ? "" : asset.uri) },
    { title: "WATCHERS", cell: (asset: AssetBody) => watcherNames(asset) },
    { title: "SCHEDULES", cell: (asset: AssetBody) => names(asset.scheduled_dags) },
    { title: "UPDATED BY", cell: (asset: AssetBody) => names(asset.producing_tasks) },
    { title: "LAST EVENT", cell: (asset: AssetBody) => formatInstant(asset.last_asset_event?.timestamp ?? null) },
  ];
  print(options.output, assets, () => formatTable(assets, columns, "no assets are loaded"));
}

export async function showAsset(context: CommandContext, text: string, options: ClientOptions): Promise<void> {
  const client = openClient(context, options);
  const asset = await findAsset(client, text);
  const { queued_events: queued } = await client.get<{ queued_events: QueuedEventBody[] }>(`/assets/${asset.id}/queuedEvents`);
  print(options.output, { asset, queued_events: queued }, () => describeAsset(asset, queued));
}

function describeAsset(asset: AssetBody, queued: readonly QueuedEventBody[]): string {
  const { last_asset_event: last, extra, schema } = asset;
  return formatFields([
    ["Asset", asset.name],
    ["Id", String(asset.id)],
    ["URI", asset.uri === asset.name ? null : asset.uri],
    ["Group", asset.group],
    ["Description", asset.description],
    ["Watchers", watcherNames(asset) || null],
    ["Schedules", names(asset.scheduled_dags) || null],
    ["Updated by", names(asset.producing_tasks) || null],
    ["Read by", names(asset.consuming_tasks) || null],
    ["Last event", last === null ? null : `${last.id}, ${formatInstant(last.timestamp)}`],
    ...queued.map(
      (one) => ["Waiting", `${formatCount(one.count, "event")} for ${one.dag_id}, since ${formatInstant(one.created_at)}`] as const,
    ),
    ["Extra", extra === null || Object.keys(extra).length === 0 ? null : JSON.stringify(extra)],
    ["Schema", schema === null ? null : JSON.stringify(schema)],
  ]);
}

/** One line for each of its triggers is too much here. */
function watcherNames({ watchers }: AssetBody): string {
  return [...new Set(watchers.map(({ name }) => name))].join(", ");
}

function names(uses: AssetBody["producing_tasks"]): string {
  return uses.map(({ dag_id, task_id }) => (task_id === undefined ? dag_id : `${dag_id}.${task_id}`)).join(", ");
}
