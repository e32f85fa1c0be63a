import { strict as assert } from "node:assert";
import { test } from "node:test";
import { completeConnection, sqsQueues } from "./queue.ts";

const MATCHES: readonly (readonly [string, "yes" | "maybe" | "no"])[] = [
  ["https://sqs.eu-west-1.amazonaws.com/123456789012/readings", "yes"],
  ["https://sqs-fips.us-east-1.amazonaws.com/123456789012/readings", "yes"],
  ["https://sqs.cn-north-1.amazonaws.com.cn/123456789012/readings", "yes"],
  ["https://eu-west-1.queue.amazonaws.com/123456789012/readings", "yes"],
  ["https://queue.amazonaws.com/123456789012/readings", "yes"],
  ["https://sqs.eu-west-1.api.aws/123456789012/readings", "yes"],
  ["https://vpce-0ab-1.sqs.eu-west-1.vpce.amazonaws.com/123456789012/readings", "yes"],
  ["http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/readings", "yes"],
  ["arn:aws:sqs:eu-west-1:123456789012:readings", "yes"],
  ["http://localhost:4566/000000000000/readings", "maybe"],
  ["https://queues.example.com/readings", "maybe"],
  ["https://s3.eu-west-1.amazonaws.com/bucket/key", "maybe"],
  ["HTTPS://sqs.eu-west-1.amazonaws.com/123456789012/readings", "yes"],
  ["kafka://broker/readings", "no"],
  ["readings", "no"],
];
for (const [queue, match] of MATCHES) test(`${queue} ${match}`, () => assert.equal(sqsQueues.match(queue), match));

test("a URL is the queue's, an ARN becomes one", () => {
  const url = "https://sqs.eu-west-1.amazonaws.com/1/q";
  assert.deepEqual(sqsQueues.trigger(url), { kind: "sqs", connection: "aws_default", params: { queueUrl: url } });
  assert.deepEqual(sqsQueues.destination("arn:aws:sqs:eu-west-1:1:q.fifo").params, { queueUrl: `${url}.fifo` });
  assert.deepEqual(sqsQueues.destination("arn:aws-cn:sqs:cn-north-1:1:q").params, {
    queueUrl: "https://sqs.cn-north-1.amazonaws.com.cn/1/q",
  });
  assert.deepEqual(sqsQueues.trigger(url.replace("https", "HTTPS")).params, { queueUrl: url });
  for (const wrong of ["readings", "https://sqs.eu-west-1.amazonaws.com/", "ftp://x/y"]) {
    assert.throws(() => sqsQueues.trigger(wrong), /expected the URL of a queue.*or its ARN/);
  }
});

test("without a connection the default one is empty: region and login come from elsewhere", () => {
  assert.deepEqual(completeConnection({}, "aws_default", null), { id: "aws_default", connType: "aws", extra: {} });
  assert.equal(completeConnection({}, "aws_prod", null), null);
  const found = { id: "aws_prod", connType: "aws", extra: {} };
  assert.equal(completeConnection({}, "aws_prod", found), found);
});
