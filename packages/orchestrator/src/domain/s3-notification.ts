import { type Delivery, EnvelopeError, fieldsOf, quote, toPayload, type Unwrapped } from "./delivery.ts";
import type { JsonSchema } from "./dag-snapshot.ts";

const TEXT = { type: "string" };
const ANY = {};
const object = (properties: Readonly<Record<string, object>>): JsonSchema => ({ type: "object", properties });

/** What AWS documents of a record, for the check of expressions. */
export const S3_RECORD_SCHEMA: JsonSchema = object({
  eventVersion: TEXT,
  eventSource: TEXT,
  awsRegion: TEXT,
  eventTime: TEXT,
  eventName: TEXT,
  userIdentity: object({ principalId: TEXT }),
  requestParameters: object({ sourceIPAddress: TEXT }),
  responseElements: ANY,
  s3: object({
    s3SchemaVersion: TEXT,
    configurationId: TEXT,
    bucket: object({ name: TEXT, ownerIdentity: object({ principalId: TEXT }), arn: TEXT }),
    object: object({ key: TEXT, size: { type: "number" }, eTag: TEXT, versionId: TEXT, sequencer: TEXT, urlDecodedKey: TEXT }),
  }),
  glacierEventData: ANY,
  restoreEventData: ANY,
  replicationEventData: ANY,
  intelligentTieringEventData: ANY,
  lifecycleEventData: ANY,
  aclEventData: ANY,
  taggingEventData: ANY,
});

/** One event for each record, whose object key is decoded: S3 writes it as in a URL's query. @throws {EnvelopeError} */
export function unwrapS3({ payload, headers }: Delivery): Unwrapped {
  const body = fieldsOf(payload.value);
  // Sent once, when notifications are configured.
  if (body?.["Event"] === "s3:TestEvent") return { deliveries: [], ignored: ["s3:TestEvent"] };
  const records = body?.["Records"];
  if (!Array.isArray(records)) throw new EnvelopeError(`expected a notification of S3, with "Records", got ${quote(payload.value)}`);
  if (records.length === 0) return { deliveries: [], ignored: ["a notification of S3 without records"] };
  return { deliveries: records.map((record) => ({ payload: toPayload(decodeKey(record)), headers })), ignored: [] };
}

function decodeKey(record: unknown): unknown {
  const fields = fieldsOf(record);
  const s3 = fieldsOf(fields?.["s3"]);
  const stored = fieldsOf(s3?.["object"]);
  const key = stored?.["key"];
  if (fields === null || s3 === null || stored === null || typeof key !== "string") {
    throw new EnvelopeError(`expected a record of S3, with "s3.object.key", got ${quote(record)}`);
  }
  return { ...fields, s3: { ...s3, object: { ...stored, key: decode(key) } } };
}

function decode(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch (cause) {
    throw new EnvelopeError(`expected the key of an S3 object as in a URL, got ${quote(key)}`, { cause });
  }
}
