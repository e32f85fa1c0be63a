import type { StoredEvent } from "../../domain/committer.ts";
import type { AssetEventTable } from "../../domain/tables.ts";

/** Of `asset_event e JOIN asset a`. */
export const EVENT_COLUMNS =
  "e.id, e.asset_id, a.name AS asset_name, e.trigger_id, e.payload, e.message_key, e.headers, e.extra, e.partition_key, e.sent_at, e.created_at";

export type StoredEventRow = Pick<
  AssetEventTable,
  "id" | "asset_id" | "trigger_id" | "payload" | "message_key" | "headers" | "extra" | "partition_key" | "sent_at" | "created_at"
> & { readonly asset_name: string };

export function toStoredEvent(row: StoredEventRow): StoredEvent {
  const { payload, message_key: messageKey, headers, extra, partition_key: partitionKey, sent_at: sentAt } = row;
  const content = { payload, messageKey, headers, extra, partitionKey, sentAt, decisions: [] };
  return {
    id: row.id,
    createdAt: row.created_at,
    triggerId: row.trigger_id,
    data: { assetId: row.asset_id, assetName: row.asset_name, ...content },
  };
}
