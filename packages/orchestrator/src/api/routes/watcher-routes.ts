import { type Static, Type } from "typebox";
import type { IngestCountRead, WatcherRead } from "../../domain/watcher-reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant } from "../resources/instant.ts";
import { AnyObject, Instant, nullable, NullableText } from "../resources/nullable.ts";
import { toTriggerStatus, TriggerStatusSchema } from "../resources/trigger-status.ts";
import { queryObject } from "./query.ts";

const DayCount = Type.Object({ last_24_hours: Type.Integer(), newest: NullableText });
const RejectedCount = Type.Object({ last_24_hours: Type.Integer(), samples: Type.Array(Type.String()) });
const Watcher = Type.Object({
  asset_id: Type.Integer(),
  asset_name: Type.String(),
  name: Type.String(),
  trigger_id: Type.Integer(),
  kind: Type.String(),
  connection_id: Type.String(),
  params: AnyObject,
  group: Type.String(),
  /** What its messages are wrapped in, outermost first. */
  unwrap: Type.Array(Type.String()),
  /** CEL: which messages are taken. */
  where: NullableText,
  /** CEL: what is stored as payload. */
  payload: NullableText,
  created_at: Instant,
  /** null where its trigger is open in no process. */
  health: nullable(TriggerStatusSchema),
  /** Messages that came again and made no second event. */
  duplicates: DayCount,
  /** Messages that are no event, such as the test that S3 sends. */
  ignored: DayCount,
  /** Messages that its `where` did not take, with the newest of them. */
  rejected: RejectedCount,
  /** Messages for which its `where` could not be computed. */
  rejected_errors: RejectedCount,
});
const DAY_MS = 86_400_000;
const WatcherCollection = Type.Object({ watchers: Type.Array(Watcher), total_entries: Type.Integer() });
const WatcherQuery = queryObject({ asset_id: Type.Optional(Type.Integer()) });

export function watcherRoutes(app: ApiServer, { reads, processes, clock }: ApiContext): void {
  const schema = {
    tags: ["Watcher"],
    summary: "The asset watchers and how they are",
    querystring: WatcherQuery,
    response: { 200: WatcherCollection },
  };
  app.get("/api/v2/watchers", { schema }, async ({ query }) => {
    const views = await processes();
    const counts = await reads.watchers.counts(clock.now() - DAY_MS);
    const loaded = (await reads.watchers.list()).filter((watcher) => !watcher.isStale);
    const wanted = loaded.filter((watcher) => query.asset_id === undefined || watcher.assetId === query.asset_id);
    const watchers = wanted.map((watcher) => toWatcher(watcher, counts, toTriggerStatus(watcher.triggerId, views)));
    return { watchers, total_entries: watchers.length };
  });
}

type TriggerStatusBody = ReturnType<typeof toTriggerStatus>;

function toWatcher(watcher: WatcherRead, counts: readonly IngestCountRead[], health: TriggerStatusBody): Static<typeof Watcher> {
  const find = (reason: IngestCountRead["reason"]): Pick<IngestCountRead, "count" | "samples"> =>
    counts.find((count) => count.triggerId === watcher.triggerId && count.reason === reason) ?? { count: 0, samples: [] };
  const countOf = (reason: IngestCountRead["reason"]): Static<typeof DayCount> => {
    const { count, samples } = find(reason);
    return { last_24_hours: count, newest: samples.at(-1) ?? null };
  };
  const rejectedOf = (reason: IngestCountRead["reason"]): Static<typeof RejectedCount> => {
    const { count, samples } = find(reason);
    return { last_24_hours: count, samples: samples.toReversed() };
  };
  return {
    asset_id: watcher.assetId,
    asset_name: watcher.asset,
    name: watcher.name,
    trigger_id: watcher.triggerId,
    kind: watcher.kind,
    connection_id: watcher.connection,
    params: watcher.params,
    group: watcher.groupName,
    unwrap: [...watcher.unwrap],
    where: watcher.where,
    payload: watcher.payload,
    created_at: toInstant(watcher.createdAt),
    health,
    duplicates: countOf("duplicate"),
    ignored: countOf("ignored"),
    rejected: rejectedOf("rejected"),
    rejected_errors: rejectedOf("rejected_error"),
  };
}
