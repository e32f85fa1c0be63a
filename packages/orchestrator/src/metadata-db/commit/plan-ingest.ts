import type { IngestEntry, IngestReceipt, IngestUnit } from "../../domain/ingest-unit.ts";
import type { IngestCounts } from "./ingest-counts.ts";
import type { PlanContext } from "./plan-context.ts";
import { planEvent } from "./plan-event.ts";

/** One event per message and asset (P2): an ordered log's position, or `message_seen`, says what came before. */
export function planIngest(unit: IngestUnit, counts: IngestCounts, context: PlanContext): IngestReceipt {
  const { output, lookups, rows } = context;
  const before = output.runs.length + output.handedOver.length;
  const fresh = unit.entries.filter((entry) => isFirst(entry, context));
  let events = 0;
  let deadLetters = 0;
  for (const entry of fresh) {
    const sourceId = entry.source === "" ? null : lookups.sourceId(entry.source);
    for (const event of entry.events) planEvent(event, { triggerId: unit.triggerId, sourceId, entry, runId: null, outlet: null }, context);
    addDeadLetters(unit.triggerId, sourceId, entry, context);
    events += entry.events.length;
    deadLetters += entry.deadLetters.length;
  }
  for (const { cursor } of unit.entries) {
    if (cursor !== null) rows.put("cursors", cursor.source, [lookups.sourceId(cursor.source), Buffer.from(cursor.value)]);
  }
  addCounts(unit, fresh, counts, context.now);
  const runs = output.runs.length + output.handedOver.length - before;
  return { events, deadLetters, duplicates: unit.entries.length - fresh.length, runs };
}

/** What leaves nothing behind may come again: a firehose of which one in a thousand is taken fills no table. */
export function isRemembered(entry: IngestEntry): boolean {
  return entry.seen !== null && (entry.events.length > 0 || entry.deadLetters.length > 0 || entry.ignored.length > 0);
}

function isFirst(entry: IngestEntry, { lookups, now }: PlanContext): boolean {
  if (entry.position !== null) return lookups.advance(entry.source, entry.position.partition, entry.position.offset);
  return !isRemembered(entry) || lookups.see(entry.seen!, now);
}

function addDeadLetters(triggerId: number, sourceId: number | null, entry: IngestEntry, context: PlanContext): void {
  for (const { assetId, reasonCode, reason } of entry.deadLetters) {
    const { partition = null, offset = null } = entry.position ?? {};
    const message = [partition, offset, entry.messageId, entry.value, entry.key, entry.headers];
    context.rows.add("deadLetters", [context.takeId(), assetId, triggerId, sourceId, ...message, reasonCode, reason, context.now]);
  }
}

function addCounts(unit: IngestUnit, fresh: readonly IngestEntry[], counts: IngestCounts, now: number): void {
  if (fresh.length < unit.entries.length) counts.add(unit.triggerId, "duplicate", namesOfDuplicates(unit, fresh), now);
  for (const { ignored, rejected } of fresh) {
    if (ignored.length > 0) counts.add(unit.triggerId, "ignored", ignored, now);
    for (const { reason, sample } of rejected) counts.add(unit.triggerId, reason, [sample], now);
  }
}

/** Their ids, or `partition:offset`. */
function namesOfDuplicates(unit: IngestUnit, fresh: readonly IngestEntry[]): readonly string[] {
  const taken = new Set(fresh);
  const again = unit.entries.filter((entry) => !taken.has(entry));
  return again.map(({ messageId, position }) => messageId ?? `${position?.partition}:${position?.offset}`);
}
