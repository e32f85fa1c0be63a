import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";
import type { Connection, ProviderLog } from "@millrace/sdk/provider";
import { clientOptionsOf, startOf } from "./connection.ts";
import { OidcTokens } from "./oidc-tokens.ts";

const silent = (): void => {};
const quiet: ProviderLog = { debug: silent, info: silent, warn: silent, error: silent };
type Extra = Readonly<Record<string, unknown>>;

const connectionOf = (extra: Extra, fields: Partial<Connection> = {}): Connection => ({
  id: `kafka-${randomUUID()}`,
  connType: "kafka",
  extra,
  ...fields,
});

const SERVERS: readonly (readonly [connection: Connection, servers: readonly string[]])[] = [
  [connectionOf({ "bootstrap.servers": "a:1, b:2,c" }), ["a:1", "b:2", "c:9092"]],
  [connectionOf({ "metadata.broker.list": "[2001:db8::1]:9094" }), ["[2001:db8::1]:9094"]],
  [connectionOf({}, { host: "broker", port: 9095 }), ["broker:9095"]],
  [connectionOf({ "bootstrap.servers": "a:1" }, { host: "broker" }), ["a:1"]],
];
for (const [connection, servers] of SERVERS) {
  test(`servers ${servers.join()}`, () => assert.deepEqual(clientOptionsOf(connection, quiet).bootstrapBrokers, servers));
}

test("a broker is asked for by its name over TLS, unless it has none", () => {
  const nameOf = (server: string): unknown =>
    clientOptionsOf(connectionOf({ "bootstrap.servers": server, "security.protocol": "SSL" }), quiet).tlsServerName;
  assert.deepEqual([nameOf("broker.example.com:9093"), nameOf("10.0.0.1:9093"), nameOf("[::1]:9093")], [true, false, false]);
});

test("auto.offset.reset has librdkafka's words", () => {
  const words = ["earliest", "smallest", "beginning", "Latest", "largest", "end"];
  assert.deepEqual(
    words.map((word) => startOf(connectionOf({ "auto.offset.reset": word }))),
    ["earliest", "earliest", "earliest", "latest", "latest", "latest"],
  );
});

const SSL = { "bootstrap.servers": "a:1", "security.protocol": "SSL" };
const SASL = { "bootstrap.servers": "a:1", "security.protocol": "SASL_SSL" };
const OIDC = { ...SASL, "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "OIDC" };
const INVALID: readonly (readonly [extra: Extra, message: RegExp])[] = [
  [{ "bootstrap.servers": "http://a:1" }, /"bootstrap.servers".*addresses such as "host:9092,other:9092", got "http:\/\/a:1"/],
  [{ "bootstrap.servers": "a:99999" }, /"bootstrap.servers".*got "a:99999"/],
  [{ "bootstrap.servers": ["a:1"] }, /"bootstrap.servers".*text, got an array/],
  [{ ...SSL, "enable.ssl.certificate.verification": "no" }, /"enable.ssl.certificate.verification".*true, false, got "no"/],
  [{ ...SSL, "ssl.endpoint.identification.algorithm": "dns" }, /"ssl.endpoint.identification.algorithm".*https, none, got "dns"/],
  [{ ...SSL, "ssl.ca.pem": "s3cret" }, /"ssl.ca.pem".*a certificate in PEM.*got something else/],
  [{ ...SSL, "ssl.ca.location": "/" }, /"ssl.ca.location".*a file that can be read, got "\/" \(EISDIR/],
  [{ ...SSL, "ssl.key.pem": "s3cret" }, /"ssl.certificate.location".*the certificate that belongs to the key, got none/],
  [{ ...SSL, "ssl.certificate.pem": "s3cret" }, /"ssl.key.location".*the key that belongs to the certificate, got none/],
  [{ ...SASL, "sasl.mechanism": "SCRAM-SHA-1" }, /"sasl.mechanism".*PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, got "SCRAM-SHA-1"/],
  [{ ...SASL, "sasl.mechanisms": "SCRAM-SHA-1" }, /"sasl.mechanisms".*got "SCRAM-SHA-1"/],
  [{ ...SASL, "sasl.username": "u" }, /"sasl.password".*got none/],
  [{ ...SASL, "sasl.mechanism": "OAUTHBEARER" }, /"sasl.oauthbearer.token".*a token \(or "sasl.oauthbearer.method" to be oidc\), got none/],
  [{ ...OIDC, "sasl.oauthbearer.method": "jwt" }, /"sasl.oauthbearer.method".*default, oidc, got "jwt"/],
  [OIDC, /"sasl.oauthbearer.token.endpoint.url".*got none/],
  [{ ...OIDC, "sasl.oauthbearer.token.endpoint.url": "file:///x" }, /an https address, got "file:\/\/\/x"/],
  [{ ...OIDC, "sasl.oauthbearer.token.endpoint.url": "https://x" }, /"sasl.oauthbearer.client.id".*got none/],
  [{ ...OIDC, "sasl.oauthbearer.extensions": "s3cret" }, /"sasl.oauthbearer.extensions".*name=value,other=value, got something else/],
];
for (const [extra, message] of INVALID) {
  test(`refused by name: ${message.source}`, () => {
    const connection = connectionOf(extra);
    assert.throws(
      () => clientOptionsOf(connection, quiet),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "CONNECTION_INVALID");
        assert.match(error.message, message);
        assert.match(error.message, new RegExp(`connection "${connection.id}".*correct MILLRACE_CONN_KAFKA_`));
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      },
    );
  });
}

test("a key that is not used is told with the nearest known one; Airflow's enable.auto.commit is not", () => {
  const warnings: string[] = [];
  const log = { ...quiet, warn: (message: string) => warnings.push(message) };
  const extra = { "bootstrap.servers": "a:1", "enable.auto.commit": false, "sasl.user": "u", "linger.ms": 5, group_id: "g" };
  clientOptionsOf(connectionOf(extra), log);
  assert.deepEqual(
    warnings.map((warning) => /: "([^"]+)" in its extra/.exec(warning)![1]! + (/did you mean "(.+)"\?/.exec(warning)?.[1] ?? "")),
    ["sasl.usersasl.username", "linger.ms", "group_idgroup.id"],
  );
});

test("a bearer token is used for four fifths of its life, and one that could not be had is asked for again", async (t) => {
  let answers = 0;
  const server = createServer((_, response) => {
    answers += 1;
    response.writeHead(answers === 1 ? 503 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ access_token: `token-${answers}`, expires_in: 100 }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  let now = 0;
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  const tokens = new OidcTokens({ url, clientId: "c", clientSecret: "s", scope: null }, () => now);
  await assert.rejects(tokens.get(), { code: "BROKER_UNREACHABLE", message: /no token \(503\)/ });
  assert.deepEqual(await Promise.all([tokens.get(), tokens.get()]), ["token-2", "token-2"]);
  now = 79_999;
  assert.equal(await tokens.get(), "token-2");
  now = 80_000;
  assert.equal(await tokens.get(), "token-3");
});
