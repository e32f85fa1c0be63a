import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { EnvelopeName } from "./dag-snapshot.ts";
import { decodePayload } from "./decode-payload.ts";
import type { Delivery } from "./delivery.ts";
import { unwrapDelivery } from "./envelope.ts";

type Headers = Readonly<Record<string, string>>;

function delivery(body: unknown, headers: Headers = {}): Delivery {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return { payload: decodePayload(bytes), headers: Object.entries(headers) };
}

/** What is stored of each event: payload (through its JSON) and headers. */
function unwrap(body: unknown, envelopes: readonly EnvelopeName[], headers: Headers = {}): { payload: any; headers: Headers }[] {
  return unwrapDelivery(delivery(body, headers), envelopes).deliveries.map(({ payload, headers: all }) => {
    assert.deepEqual(JSON.parse(Buffer.from(payload.json).toString()), payload.value);
    return { payload: payload.value, headers: Object.fromEntries(all) };
  });
}

// As in AWS's documentation.
const record = (key: string): object => ({
  eventVersion: "2.1",
  eventSource: "aws:s3",
  awsRegion: "us-west-2",
  eventTime: "1970-01-01T00:00:00.000Z",
  eventName: "ObjectCreated:Put",
  s3: {
    s3SchemaVersion: "1.0",
    configurationId: "c",
    bucket: { name: "in", arn: "arn:aws:s3:::in" },
    object: { key, size: 1024, eTag: "d41d", sequencer: "0055AED6DCD90281E5" },
  },
});
const notification = (...keys: readonly string[]): object => ({ Records: keys.map(record) });
const sns = (message: string, more: object = {}): object => ({
  Type: "Notification",
  MessageId: "22b80b92",
  TopicArn: "arn:aws:sns:us-west-2:123456789012:files",
  Subject: "Amazon S3 Notification",
  Message: message,
  Timestamp: "2012-05-02T00:54:06.655Z",
  SignatureVersion: "1",
  Signature: "E",
  SigningCertURL: "https://sns.us-west-2.amazonaws.com/x.pem",
  UnsubscribeURL: "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
  ...more,
});

const keysOf = (events: readonly { payload: any }[]): unknown[] => events.map(({ payload }) => payload.s3.object.key);

test("s3: one event for each record, its key decoded", () => {
  const events = unwrap(notification("a/b.csv", "my+photo%282%29+caf%C3%A9%2Bx.jpg"), ["s3"], { trace: "1" });
  assert.deepEqual(keysOf(events), ["a/b.csv", "my photo(2) café+x.jpg"]);
  assert.deepEqual(events[0]?.payload, record("a/b.csv"));
  assert.deepEqual(events[1]?.headers, { trace: "1" });
});

test("s3: its test, and a notification without records, are ignored", () => {
  const body = { Service: "Amazon S3", Event: "s3:TestEvent", Time: "2014-10-13T15:57:02.089Z", Bucket: "in", RequestId: "5", HostId: "8" };
  assert.deepEqual(unwrapDelivery(delivery(body), ["s3"]), { deliveries: [], ignored: ["s3:TestEvent"] });
  assert.deepEqual(unwrapDelivery(delivery(sns(JSON.stringify(body))), ["sns", "s3"]).ignored, ["s3:TestEvent"]);
  assert.equal(unwrapDelivery(delivery({ Records: [] }), ["s3"]).ignored.length, 1);
});

test("sns: the message is the payload, attributes and names are headers", () => {
  const attributes = { kind: { Type: "String", Value: "csv" }, n: { Type: "Number", Value: "3" } };
  const [event] = unwrap(sns('{"a":1}', { MessageAttributes: attributes }), ["sns"], { own: "x" });
  assert.deepEqual(event, {
    payload: { a: 1 },
    headers: {
      own: "x",
      "x-amz-sns-message-id": "22b80b92",
      "x-amz-sns-topic-arn": "arn:aws:sns:us-west-2:123456789012:files",
      "x-amz-sns-subject": "Amazon S3 Notification",
      kind: "csv",
      n: "3",
    },
  });
  assert.equal(unwrap(sns("plain"), ["sns"])[0]?.payload, "plain");
});

test("sns: a raw delivery has no envelope, and is taken as it is", () => {
  assert.deepEqual(unwrap({ order: 1 }, ["sns"], { kind: "csv" }), [{ payload: { order: 1 }, headers: { kind: "csv" } }]);
  assert.deepEqual(keysOf(unwrap(notification("k"), ["sns", "s3"])), ["k"]);
});

test("S3 in SNS in SQS", () => {
  const [event] = unwrap(sns(JSON.stringify(notification("a+b"))), ["sns", "s3"]);
  assert.equal(event?.payload.s3.object.key, "a b");
  assert.equal(event?.headers["x-amz-sns-message-id"], "22b80b92");
});

test("eventbridge: the detail is the payload, the rest is in headers", () => {
  const detail = { bucket: { name: "in" }, object: { key: "a b.csv" } };
  const body = {
    version: "0",
    id: "1",
    "detail-type": "Object Created",
    source: "aws.s3",
    account: "1",
    region: "r",
    resources: ["arn"],
    detail,
  };
  assert.deepEqual(unwrap(body, ["eventbridge"]), [
    {
      payload: detail,
      headers: {
        version: "0",
        id: "1",
        "detail-type": "Object Created",
        source: "aws.s3",
        account: "1",
        region: "r",
        resources: '["arn"]',
      },
    },
  ]);
});

const attributes = { specversion: "1.0", id: "A-1", source: "/sensors", type: "com.example.reading" };
const asHeaders = { "ce-specversion": "1.0", "ce-id": "A-1", "ce-source": "/sensors", "ce-type": "com.example.reading" };

test("cloudevents: structured, in a batch, and with bytes", () => {
  const structured = { ...attributes, datacontenttype: "application/json", traceid: "t", data: { celsius: 20 } };
  assert.deepEqual(unwrap(structured, ["cloudevents"], { "content-type": "application/cloudevents+json", x: "y" }), [
    { payload: { celsius: 20 }, headers: { x: "y", ...asHeaders, "ce-traceid": "t", "content-type": "application/json" } },
  ]);
  const batch = [
    { ...attributes, data: "text" },
    { ...attributes, id: "A-2", data_base64: Buffer.from('{"n":1}').toString("base64") },
    attributes,
  ];
  assert.deepEqual(
    unwrap(batch, ["cloudevents"]).map(({ payload, headers }) => [payload, headers["ce-id"]]),
    [
      ["text", "A-1"],
      [{ n: 1 }, "A-2"],
      [null, "A-1"],
    ],
  );
  const bytes = Buffer.from([0xff, 0xfe]).toString("base64");
  assert.deepEqual(unwrap({ ...attributes, data_base64: bytes }, ["cloudevents"])[0]?.payload, { base64: bytes });
});

for (const [binding, prefix] of [
  ["Kafka", "ce_"] as const,
  ["HTTP", "ce-"] as const,
  ["AMQP", "cloudEvents:"] as const,
  ["JMS", "cloudEvents_"] as const,
]) {
  test(`cloudevents: binary mode as ${binding} writes it`, () => {
    const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prefix + name, value]));
    assert.deepEqual(unwrap({ celsius: 20 }, ["cloudevents"], { ...headers, "content-type": "application/json" }), [
      { payload: { celsius: 20 }, headers: { ...asHeaders, "content-type": "application/json" } },
    ]);
  });
}

test("cloudevents: an HTTP header that is not ASCII is decoded", () => {
  const headers = { ...asHeaders, "ce-subject": "caf%C3%A9" };
  assert.equal(unwrap("1", ["cloudevents"], headers)[0]?.headers["ce-subject"], "café");
});

const MISFITS: readonly (readonly [EnvelopeName, unknown, RegExp])[] = [
  ["s3", { a: 1 }, /expected a notification of S3, with "Records", got \{"a":1\}/],
  ["s3", "text", /"Records", got "text"/],
  ["s3", { Records: [{ s3: {} }] }, /expected a record of S3, with "s3.object.key"/],
  ["s3", notification("%E0%A4%A"), /key of an S3 object as in a URL/],
  ["sns", sns("x", { Message: 1 }), /"Message" of an SNS notification to be text, got 1/],
  ["sns", sns("x", { Type: "SubscriptionConfirmation" }), /SubscriptionConfirmation.*SubscribeURL/],
  ["eventbridge", { detail: {} }, /"detail-type", "source" and "detail"/],
  ["eventbridge", [], /expected an event of EventBridge/],
  ["cloudevents", { a: 1 }, /expected a CloudEvent, as JSON with "specversion"/],
  ["cloudevents", { ...attributes, specversion: "0.3" }, /specversion 1.0, got "0.3"/],
  ["cloudevents", { ...attributes, type: undefined }, /the attribute "type"/],
  ["cloudevents", { ...attributes, data: 1, data_base64: "YQ==" }, /got both/],
  ["cloudevents", { ...attributes, data_base64: "?" }, /to be base64/],
  // A pattern that takes quadratic time would not come back from it.
  ["cloudevents", { ...attributes, data_base64: `${" ".repeat(2_000_000)}?` }, /to be base64, got " {99}…/],
  ["cloudevents", [attributes, 1], /expected a CloudEvent.*got 1/],
];
for (const [envelope, body, message] of MISFITS) {
  test(`${envelope}: what does not fit is told: ${message.source}`, () => {
    assert.throws(() => unwrapDelivery(delivery(body), [envelope]), { name: "EnvelopeError", message });
  });
}
