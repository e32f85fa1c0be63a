import { randomUUID } from "node:crypto";
import {
  sharedKafka,
  skipWithout,
  startKafka,
  testProviderConformance,
  type ConformanceBroker,
  type KafkaServer,
} from "@millrace/test-services";
import type { Connection } from "@millrace/sdk/provider";
import { provider } from "./provider.ts";

function brokerOf(server: KafkaServer): ConformanceBroker {
  const connection: Connection = { id: "kafka_default", connType: "kafka", extra: { "bootstrap.servers": server.url } };
  const missing = `missing-${randomUUID()}`;
  return {
    connection,
    ...(server.saslUrl === null
      ? {}
      : {
          wrongLogin: {
            ...connection,
            login: server.saslAccount.username,
            password: "wrong",
            extra: { "bootstrap.servers": server.saslUrl, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN" },
          },
        }),
    missing: { name: missing, triggerParams: { topics: [missing] }, destinationParams: { topic: missing } },
    async createQueue() {
      const topic = await server.client.createTopic({ partitions: 3 });
      return {
        name: topic,
        triggerParams: { topics: [topic] },
        destinationParams: { topic },
        produce: (messages) => server.client.produce(topic, messages),
        read: () => server.client.read(topic),
      };
    },
    kill: () => server.kill(),
    start: () => server.start(),
  };
}

testProviderConformance("Kafka", {
  kind: "kafka",
  provider,
  providerUrl: new URL("provider.ts", import.meta.url).href,
  skip: skipWithout("kafka"),
  shared: async () => brokerOf(await sharedKafka()),
  async own(t) {
    const server = await startKafka();
    t.after(() => server.stop());
    return brokerOf(server);
  },
  missingCode: "TOPIC_NOT_FOUND",
  hasLag: true,
  payloads: {
    null: null,
    empty: Buffer.alloc(0),
    "beyond the basic plane": Buffer.from("🌊🏭"),
    "bytes that are no text": Buffer.from([0xff, 0x00, 0xfe, 0x80]),
    "1 MB": Buffer.alloc(1_000_000, "y"),
  },
  rejectedBody: Buffer.alloc(1_200_000, "z"),
});
