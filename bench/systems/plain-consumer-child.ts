import { Consumer, MessagesStreamModes } from "@platformatic/kafka";
import { recordStart } from "../recorder.ts";

const [url, topic, file] = process.argv.slice(2) as [string, string, string];
const consumer = new Consumer({
  clientId: "plain",
  groupId: `plain-${process.pid}`,
  bootstrapBrokers: [url],
  sessionTimeout: 6000,
  heartbeatInterval: 500,
});
const stream = await consumer.consume({
  topics: [topic],
  mode: MessagesStreamModes.LATEST,
  autocommit: false,
  minBytes: 1,
  maxWaitTime: 1000,
  maxBytes: 8 * 2 ** 20,
});
stream.on("data", (message: { value: Buffer }) => {
  const { n, t } = JSON.parse(message.value.toString()) as { n: number; t: number };
  recordStart(file, n, t);
});
// The group has joined once its partitions are assigned.
while (consumer.assignments === null || consumer.assignments.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
process.send!("ready");
