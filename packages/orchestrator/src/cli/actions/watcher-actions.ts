import { didYouMean } from "../../domain/did-you-mean.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { WatcherBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatInstant } from "../output/format-value.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
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

/** A table, and below it pauses and errors, which have no room in it. */
export function describeWatchers(watchers: readonly WatcherBody[]): string {
  const columns = [
    { title: "WATCHER", cell: nameOf },
    { title: "TRIGGER", cell: ({ kind, params }: WatcherBody) => `${kind} ${JSON.stringify(params)}` },
    { title: "CONNECTION", cell: ({ connection_id }: WatcherBody) => connection_id },
    { title: "STATE", cell: ({ health }: WatcherBody) => health?.state ?? "not open" },
    { title: "LAG", cell: ({ health }: WatcherBody) => String(health?.lag ?? "?") },
    { title: "MESSAGES", cell: ({ health }: WatcherBody) => String(health?.messages ?? 0) },
    { title: "LAST MESSAGE", cell: ({ health }: WatcherBody) => formatInstant(health?.last_message_at ?? null) },
  ];
  const said = watchers.flatMap((watcher) => notesOf(watcher).map((note) => `${nameOf(watcher)}: ${note}`));
  return [formatTable(watchers, columns, "no watchers"), ...said].join("\n");
}

/** What keeps it from taking messages, or has done. */
function notesOf({ health }: WatcherBody): readonly string[] {
  if (health === null) return [];
  const since = health.paused_since === null ? [] : [describePause(health)];
  return health.last_error === null ? since : [...since, health.last_error];
}

function describePause({ paused_since: since, waits_for: reasons }: NonNullable<WatcherBody["health"]>): string {
  return `paused since ${formatInstant(since)}: ${reasons.length === 0 ? "about to go on" : reasons.join("; ")}`;
}

function nameOf({ asset_name: asset, name }: WatcherBody): string {
  return `${asset}.${name}`;
}

/** `watcher` is ASSET.NAME, or the asset alone. @throws {MillraceError} USAGE */
export async function showWatcher(context: CommandContext, watcher: string, options: ClientOptions): Promise<void> {
  const { watchers } = await openClient(context, options).get<{ watchers: WatcherBody[] }>("/watchers");
  const found = watchers.filter((one) => nameOf(one) === watcher || one.asset_name === watcher);
  if (found.length === 0) {
    throw new MillraceError("USAGE", `there is no watcher '${watcher}'`, didYouMean(watcher, watchers.map(nameOf)));
  }
  print(options.output, found, () => found.map(describeWatcher).join("\n\n"));
}

function describeWatcher(watcher: WatcherBody): string {
  const { kind, connection_id: connection, params, health, where, group } = watcher;
  return formatFields([
    ["Watcher", nameOf(watcher)],
    ["Trigger", `${watcher.trigger_id}: ${kind} ${JSON.stringify(params)}`],
    ["Connection", connection],
    ["Group", group],
    ["Where", where],
    ["State", health?.state ?? "not open"],
    ["Paused", health?.paused_since ? describePause(health) : null],
    ["Error", health?.last_error ?? null],
    ["Lag", health === null ? null : String(health.lag ?? "?")],
    ["Messages", health === null ? null : String(health.messages)],
    ["Last message", health?.last_message_at ? formatInstant(health.last_message_at) : null],
    ["Reconnects", health === null ? null : String(health.reconnects)],
    ["Open in", health === null ? null : health.processes.map((id) => `process ${id}`).join(", ")],
  ]);
}
