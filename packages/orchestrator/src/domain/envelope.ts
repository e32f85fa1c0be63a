// What a delivery service wraps around a message: S3's notifications, SNS, EventBridge, CloudEvents. Pure.
import { unwrapCloudEvents } from "./cloud-events.ts";
import type { EnvelopeName, JsonSchema } from "./dag-snapshot.ts";
import { decodePayload } from "./decode-payload.ts";
import { type Delivery, EnvelopeError, fieldsOf, quote, single, textHeaders, toPayload, type Unwrapped } from "./delivery.ts";
import { S3_RECORD_SCHEMA, unwrapS3 } from "./s3-notification.ts";

const OPENERS: Readonly<Record<EnvelopeName, (delivery: Delivery) => Unwrapped>> = {
  s3: unwrapS3,
  sns: unwrapSns,
  eventbridge: unwrapEventBridge,
  cloudevents: unwrapCloudEvents,
};

/** Outermost first. @throws {EnvelopeError} */
export function unwrapDelivery(delivery: Delivery, envelopes: readonly EnvelopeName[]): Unwrapped {
  let current = single(delivery);
  for (const envelope of envelopes) {
    const opened = current.deliveries.map((one) => OPENERS[envelope](one));
    current = {
      deliveries: opened.flatMap(({ deliveries }) => deliveries),
      ignored: [...current.ignored, ...opened.flatMap(({ ignored }) => ignored)],
    };
  }
  return current;
}

/** Of the payload after unwrapping, where the envelope says it; null where it may be anything. */
export function schemaAfter(envelopes: readonly EnvelopeName[]): JsonSchema | null {
  return envelopes.at(-1) === "s3" ? S3_RECORD_SCHEMA : null;
}

/** With raw message delivery there is no envelope, and SNS's attributes are the message's own: it is taken as it is. */
function unwrapSns({ payload, headers }: Delivery): Unwrapped {
  const body = fieldsOf(payload.value);
  const type = body?.["Type"];
  if (body === null || typeof body["TopicArn"] !== "string" || typeof type !== "string") return single({ payload, headers });
  if (type !== "Notification") {
    const hint = type === "SubscriptionConfirmation" ? ": open the SubscribeURL in it to confirm the subscription" : "";
    throw new EnvelopeError(`expected an SNS notification, got a ${quote(type)}${hint}`);
  }
  const { Message: message, Subject: subject, MessageId: id, TopicArn: topic, MessageAttributes: attributes } = body;
  if (typeof message !== "string")
    throw new EnvelopeError(`expected the "Message" of an SNS notification to be text, got ${quote(message)}`);
  const own = { "x-amz-sns-message-id": id, "x-amz-sns-topic-arn": topic, "x-amz-sns-subject": subject };
  const named = Object.entries(fieldsOf(attributes) ?? {}).map(([name, attribute]) => [name, fieldsOf(attribute)?.["Value"]] as const);
  const all = [...headers, ...textHeaders(own), ...textHeaders(Object.fromEntries(named))];
  return single({ payload: decodePayload(Buffer.from(message)), headers: all });
}

function unwrapEventBridge({ payload, headers }: Delivery): Unwrapped {
  const body = fieldsOf(payload.value);
  if (body === null || typeof body["detail-type"] !== "string" || typeof body["source"] !== "string" || !("detail" in body)) {
    throw new EnvelopeError(`expected an event of EventBridge, with "detail-type", "source" and "detail", got ${quote(payload.value)}`);
  }
  const { detail, ...rest } = body;
  return single({ payload: toPayload(detail), headers: [...headers, ...textHeaders(rest)] });
}
