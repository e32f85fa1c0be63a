import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { TriggerMessage } from "@millrace/sdk/provider";

/** `source` is the queue's canonical URL. A FIFO queue's group is the message's key. */
export function toTriggerMessage(message: Message, source: string): TriggerMessage {
  const attributes = message.Attributes ?? {};
  const group = attributes.MessageGroupId;
  const sentAt = Number(attributes.SentTimestamp ?? Number.NaN);
  return {
    identity: message.MessageId === undefined ? null : { source, id: message.MessageId },
    value: Buffer.from(message.Body ?? "", "utf8"),
    key: group === undefined ? null : Buffer.from(group, "utf8"),
    headers: Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, headerBytes(value)] as const),
    sentAt: Number.isFinite(sentAt) ? sentAt : null,
    attributes,
  };
}

function headerBytes(value: MessageAttributeValue): Uint8Array {
  return value.BinaryValue ?? Buffer.from(value.StringValue ?? "", "utf8");
}
