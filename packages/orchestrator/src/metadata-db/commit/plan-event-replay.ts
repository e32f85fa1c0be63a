import type { EventReplay, EventReplayReceipt } from "../../domain/event-replay.ts";
import type { PlanContext } from "./plan-context.ts";

/** An inbox row for each item whose decision this replay has only just begun; its fold ends it, as that of any row. */
export function planEventReplay({ replayId, items }: EventReplay, context: PlanContext): EventReplayReceipt {
  const { rows, lookups, output, now } = context;
  const isAdded = items.map((item) => {
    if (!lookups.beginReplay(replayId, item, now)) return false;
    const rowId = context.takeId();
    const { eventId, assetId, triggerId, bytes, slots, dag, shard, versionId } = item;
    rows.add("inboxRows", [rowId, shard, dag, eventId, replayId, now]);
    output.inbox.push({ rowId, eventId, replayId, assetId, triggerId, bytes, slots, taken: [], dag, shard, versionId });
    return true;
  });
  return { isAdded };
}
