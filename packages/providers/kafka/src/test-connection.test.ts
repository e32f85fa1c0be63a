import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { type SecureKafka, sharedKafka, skipWithout, startKafka, startSecureKafka } from "@millrace/test-services";
import type { Connection, ConnectionTestResult, ProviderLog } from "@millrace/sdk/provider";
import { provider } from "./provider.ts";

const skip = skipWithout("secure-kafka");
const silent = (): void => {};
const log: ProviderLog = { debug: silent, info: silent, warn: silent, error: silent };

let started: Promise<SecureKafka> | null = null;
const secureKafka = (): Promise<SecureKafka> => (started ??= startSecureKafka());
after(async () => (await started)?.server.stop());

async function tryOut(extra: Readonly<Record<string, unknown>>, fields: Partial<Connection> = {}): Promise<ConnectionTestResult> {
  const connection: Connection = { id: `kafka-${randomUUID()}`, connType: "kafka", extra, ...fields };
  const result = await provider.testConnection!(connection, { log, signal: AbortSignal.timeout(60_000) });
  assert.doesNotMatch(JSON.stringify(result), /s3cret/);
  return result;
}

test("a connection that works says cluster, brokers and topics", { skip: skipWithout("kafka") }, async () => {
  const { url, client } = await sharedKafka();
  await client.createTopic();
  const result = await tryOut({ "bootstrap.servers": url, "group.id": `new-${randomUUID()}` });
  assert.equal(result.ok, true, result.message);
  assert.match(result.message, /^cluster \S+ with 1 broker answers: \d+ topics? \(/);
});

test("SASL_SSL says whom the broker knows; a wrong password, an untrusted certificate and a plain client are told", { skip }, async () => {
  const { saslSslPort, account, certificates, server } = await secureKafka();
  await server.client.createTopic();
  const sasl = { "bootstrap.servers": `localhost:${saslSslPort}`, "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512" };
  const trusted = { ...sasl, "ssl.ca.location": certificates.ca };
  const login = { login: account.username, password: account.password };
  const works = await tryOut(trusted, login);
  assert.match(works.message, new RegExp(`answers User:${account.username}: \\d+ topic`));
  const failures = [
    [await tryOut(trusted, { ...login, password: "s3cret" }), /^AUTHENTICATION_FAILED/, /sasl\.password/],
    [await tryOut(sasl, login), /^CERTIFICATE_NOT_TRUSTED/, /ssl\.ca\.location/],
    [await tryOut({ "bootstrap.servers": `localhost:${saslSslPort}` }), /^BROKER_UNREACHABLE/, /security\.protocol/],
    [await tryOut({ ...trusted, "sasl.mechanism": "SCRAM" }, login), /^CONNECTION_INVALID.*sasl\.mechanism/, /field/],
  ] as const;
  for (const [result, message, hint] of failures) {
    assert.ok(!result.ok);
    assert.match(result.message, message);
    assert.match(result.hint, hint);
  }
});

test("nobody at the address is told, with what to check", async () => {
  const result = await tryOut({ "bootstrap.servers": "127.0.0.1:1" });
  assert.ok(!result.ok);
  assert.match(result.message, /^BROKER_UNREACHABLE: Kafka at "127\.0\.0\.1:1"/);
});

test("a user without ACLs is told what is missing, by the name that ACLs use", { skip: skipWithout("kafka") }, async (t) => {
  const authorizer = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
  };
  const kafka = await startKafka(async () => ({ listeners: [], properties: authorizer, formatArguments: [] }));
  t.after(() => kafka.stop());
  await kafka.client.createTopic();
  const { username, password } = kafka.saslAccount;
  const extra = { "bootstrap.servers": kafka.saslUrl, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN" };
  const login = { login: username, password };
  const blind = await tryOut(extra, login);
  assert.match(blind.message, new RegExp(`no topic is visible; there is none, or User:${username} lacks DESCRIBE on them$`));
  const denied = await tryOut({ ...extra, "group.id": "readers" }, login);
  assert.ok(!denied.ok);
  assert.match(denied.message, new RegExp(`^ACCESS_DENIED: .*answers User:${username}, but does not allow it the group "readers"$`));
  assert.match(denied.hint, /READ and DESCRIBE on group "readers"/);
});
