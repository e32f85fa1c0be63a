import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { AssetEventBody, DecisionBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { describeCause, describeDecision, describeSource } from "../output/describe-event.ts";
import { formatInstant, previewJson } from "../output/format-value.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { findAsset } from "./find-asset.ts";
import { apiPath, openClient, parseLimit } from "./open-client.ts";

interface ListOptions extends ClientOptions {
  readonly asset?: string;
  readonly limit: string;
}

const PREVIEW_IN_LIST = 60;

export async function listEvents(context: CommandContext, options: ListOptions): Promise<void> {
  const client = openClient(context, options);
  const assetId = options.asset === undefined ? undefined : (await findAsset(client, options.asset)).id;
  const query = { limit: parseLimit(options.limit), order_by: "-timestamp", asset_id: assetId };
  const { asset_events: events } = await client.get<{ asset_events: AssetEventBody[] }>("/assets/events", query);
  const columns = [
    { title: "EVENT", cell: (event: AssetEventBody) => String(event.id) },
    { title: "ASSET", cell: (event: AssetEventBody) => event.name ?? "" },
    { title: "STORED", cell: (event: AssetEventBody) => formatInstant(event.timestamp) },
    { title: "RUNS", cell: (event: AssetEventBody) => String(event.created_dagruns.length) },
    { title: "PAYLOAD", cell: (event: AssetEventBody) => previewJson(event.payload, PREVIEW_IN_LIST) },
    { title: "CAUSE", cell: describeSource },
  ];
  print(options.output, events, () => formatTable(events, columns, "no events"));
}

export async function explainEvent(context: CommandContext, id: string, options: ClientOptions): Promise<void> {
  if (id !== "latest" && !/^\d+$/.test(id))
    throw new MillraceError("USAGE", `expected the id of an event, a number, or 'latest', got '${id}'`, {
      hint: "`millrace events list` shows the ids",
    });
  const client = openClient(context, options);
  const event = id === "latest" ? await getLatest(client) : await client.get<AssetEventBody>(apiPath`/assets/events/${id}`);
  const { decisions } = await client.get<{ decisions: DecisionBody[] }>(`/assets/events/${event.id}/decisions`);
  print(options.output, { event, decisions }, () => `${describeEvent(event)}\n\n${describeDecisions(event, decisions)}`);
}

async function getLatest(client: ApiClient): Promise<AssetEventBody> {
  const { asset_events } = await client.get<{ asset_events: AssetEventBody[] }>("/assets/events", { order_by: "-timestamp", limit: 1 });
  const [latest] = asset_events;
  if (latest !== undefined) return latest;
  throw new MillraceError("ASSET_EVENT_NOT_FOUND", "there are no asset events yet", {
    hint: "send a message to a queue that a watcher reads; `millrace dags show DAG` shows its watchers",
  });
}

function describeEvent(event: AssetEventBody): string {
  return formatFields([
    ["Event", describeCause(event)],
    ["Stored", formatInstant(event.timestamp)],
    ["Key", event.key],
    ["Payload", JSON.stringify(event.payload)],
  ]);
}

function describeDecisions(event: AssetEventBody, decisions: readonly DecisionBody[]): string {
  if (decisions.length === 0) return `No DAG was scheduled on asset '${event.name ?? "?"}' when it was stored: it started nothing.`;
  return decisions.map(describeDecision).join("\n");
}
