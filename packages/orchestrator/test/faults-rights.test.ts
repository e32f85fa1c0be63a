// Rights that are taken away while messages flow, and given back.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually, skipWithout, startKafka } from "@millrace/test-services";
import { checkFlow, countEvents, kafkaFlow, numbers, startFlow } from "./flow-harness.ts";

const SHARE = 500;

test(
  "Kafka: a user who loses the rights to read and to publish is told so; given back, nothing is missing or doubled",
  { skip: skipWithout("kafka") },
  async (t) => {
    const authorizer = {
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
      "allow.everyone.if.no.acl.found": "true",
    };
    const kafka = await startKafka(async () => ({ listeners: [], properties: authorizer, formatArguments: [] }));
    t.after(() => kafka.stop());
    const { username, password } = kafka.saslAccount;
    const extra = { "bootstrap.servers": kafka.saslUrl, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN" };
    const connection = JSON.stringify({ conn_type: "kafka", login: username, password, extra });
    const flow = { ...(await kafkaFlow(kafka)), environment: { MILLRACE_CONN_KAFKA_DEFAULT: connection } };
    const engine = await startFlow(t, flow);
    const health = () => engine.engine.triggerer.health()[0]!;

    await flow.send(numbers(0, SHARE));
    await eventually(() => assert.ok(countEvents(engine) > 0));
    await kafka.client.deny(flow.target, username, "WRITE");
    await kafka.client.deny(flow.source, username, "READ");
    await eventually(() => assert.match(health().lastError ?? "", /does not allow it on topic.*READ/), { withinMs: 60_000 });
    // The broker still answers a fetch that was under way.
    await eventually(() => assert.ok(health().reconnects >= 2));
    await flow.send(numbers(SHARE, 2 * SHARE));
    assert.ok(countEvents(engine) <= SHARE, "nothing is read without the right to");

    await kafka.client.undeny(flow.source, username, "READ");
    await kafka.client.undeny(flow.target, username, "WRITE");
    await checkFlow(engine, flow, 2 * SHARE);
    const rejected = engine.db.prepare("SELECT count(*) FROM outbox_message WHERE state = 11").pluck().get();
    assert.equal(rejected, 0, "a reply that may not be sent waits for the right to");
  },
);
