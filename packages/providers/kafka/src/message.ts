import type { Message } from "@platformatic/kafka";
import type { TriggerMessage } from "@millrace/sdk/provider";

const NO_HEADERS: TriggerMessage["headers"] = [];
const NO_BYTES = new Uint8Array(0);

/** What all messages of one partition share: made once per partition, not per message. */
export interface PartitionIdentity {
  /** cluster id/group/topic id */
  readonly source: string;
  readonly partition: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The client gives an absent key or value as undefined, whatever its types say. */
export function toTriggerMessage(message: Message, from: PartitionIdentity): TriggerMessage {
  const { headerEntries } = message;
  return {
    identity: { source: from.source, partition: from.partition, offset: message.offset },
    value: message.value ?? null,
    key: message.key ?? null,
    headers:
      headerEntries.length === 0 ? NO_HEADERS : headerEntries.map(([name, value]) => [String(name ?? ""), value ?? NO_BYTES] as const),
    sentAt: message.timestamp < 0n ? null : Number(message.timestamp),
    attributes: from.attributes,
  };
}
