import { type Static, Type } from "typebox";
import type { TriggerHealth } from "../../domain/health.ts";
import type { DuplicateRead, WatcherRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant, toNullableInstant } from "../resources/instant.ts";
import { AnyObject, Instant, nullable, NullableInstant, NullableText } from "../resources/nullable.ts";
import { queryObject } from "./query.ts";

const Health = Type.Object({
  state: Type.String(),
  last_error: NullableText,
  last_message_at: NullableInstant,
  reconnects: Type.Integer(),
  messages: Type.Integer(),
});
const Watcher = Type.Object({
  asset_id: Type.Integer(),
  asset_name: Type.String(),
  name: Type.String(),
  trigger_id: Type.Integer(),
  kind: Type.String(),
  connection_id: Type.String(),
  params: AnyObject,
  group: Type.String(),
  created_at: Instant,
  /** null where its trigger is not open in this process. */
  health: nullable(Health),
  /** Messages that came again and made no second event. */
  duplicates: Type.Object({ last_24_hours: Type.Integer(), newest: NullableText }),
});
const DAY_MS = 86_400_000;
const WatcherCollection = Type.Object({ watchers: Type.Array(Watcher), total_entries: Type.Integer() });
const WatcherQuery = queryObject({ asset_id: Type.Optional(Type.Integer()) });

export function watcherRoutes(app: ApiServer, { reads, triggerHealth, clock }: ApiContext): void {
  const schema = {
    tags: ["Watcher"],
    summary: "The asset watchers and how they are",
    querystring: WatcherQuery,
    response: { 200: WatcherCollection },
  };
  app.get("/api/v2/watchers", { schema }, async ({ query }) => {
    const health = new Map(triggerHealth().map((trigger) => [trigger.triggerId, trigger]));
    const duplicates = new Map((await reads.watchers.duplicates(clock.now() - DAY_MS)).map((read) => [read.triggerId, read]));
    const loaded = (await reads.watchers.list()).filter((watcher) => !watcher.isStale);
    const wanted = loaded.filter((watcher) => query.asset_id === undefined || watcher.assetId === query.asset_id);
    const watchers = wanted.map((watcher) => toWatcher(watcher, health.get(watcher.triggerId), duplicates.get(watcher.triggerId)));
    return { watchers, total_entries: watchers.length };
  });
}

function toWatcher(watcher: WatcherRead, health?: TriggerHealth, duplicates?: DuplicateRead): Static<typeof Watcher> {
  return {
    asset_id: watcher.assetId,
    asset_name: watcher.asset,
    name: watcher.name,
    trigger_id: watcher.triggerId,
    kind: watcher.kind,
    connection_id: watcher.connection,
    params: watcher.params,
    group: watcher.groupName,
    created_at: toInstant(watcher.createdAt),
    health: health === undefined ? null : toHealth(health),
    duplicates: { last_24_hours: duplicates?.count ?? 0, newest: duplicates?.sample ?? null },
  };
}

function toHealth({ state, lastError, lastMessageAt, reconnects, messages }: TriggerHealth): Static<typeof Health> {
  return { state, last_error: lastError, last_message_at: toNullableInstant(lastMessageAt), reconnects, messages };
}
