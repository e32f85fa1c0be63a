import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { after, test, type TestContext } from "node:test";
import { MessageStore, eventually, skipWithout, startSecureKafka, type SecureKafka } from "@millrace/test-services";
import type { Connection } from "@millrace/sdk/provider";
import { KafkaPublisher } from "./publisher.ts";
import { openKafkaTrigger } from "./trigger.ts";

const skip = skipWithout("secure-kafka");

let started: Promise<SecureKafka> | null = null;
const secureKafka = (): Promise<SecureKafka> => (started ??= startSecureKafka());
after(async () => (await started)?.server.stop());

type Extra = Readonly<Record<string, unknown>>;

const connectionOf = (extra: Extra, fields: Partial<Connection> = {}): Connection => ({
  id: `kafka-${randomUUID()}`,
  connType: "kafka",
  extra,
  ...fields,
});

/** A message goes through both doors: published and read over the connection. */
async function passThrough(t: TestContext, connection: Connection): Promise<void> {
  const { server } = await secureKafka();
  const topic = await server.client.createTopic();
  const store = new MessageStore();
  const context = store.context({ group: `group-${randomUUID()}` });
  const stream = await openKafkaTrigger({ topics: [topic], from: "earliest" }, connection, context);
  t.after(() => stream.close({ deadlineMs: 0 }));
  void store.drain(stream);
  const publisher = new KafkaPublisher(connection, context.log);
  t.after(() => publisher.close());
  assert.deepEqual(await publisher.publish([{ id: "1", params: { topic }, body: Buffer.from("over TLS"), options: {} }]), [
    { outcome: "sent" },
  ]);
  await eventually(() => assert.deepEqual(store.values, ["over TLS"]));
}

async function failure(connection: Connection): Promise<Error & { code: string }> {
  const { server } = await secureKafka();
  const topic = await server.client.createTopic();
  try {
    const stream = await openKafkaTrigger({ topics: [topic] }, connection, new MessageStore().context());
    await stream.close({ deadlineMs: 0 });
  } catch (error) {
    return error as Error & { code: string };
  }
  throw new assert.AssertionError({ message: "expected the trigger not to open" });
}

/** What a SASL_SSL connection needs beside its mechanism. */
async function saslSsl(): Promise<{ kafka: SecureKafka; extra: Extra }> {
  const kafka = await secureKafka();
  const extra = {
    "bootstrap.servers": `localhost:${kafka.saslSslPort}`,
    "security.protocol": "SASL_SSL",
    "ssl.ca.location": kafka.certificates.ca,
  };
  return { kafka, extra };
}

for (const mechanism of ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]) {
  test(`SASL_SSL with ${mechanism} reads and publishes`, { skip }, async (t) => {
    const { kafka, extra } = await saslSsl();
    const { username, password } = kafka.account;
    await passThrough(t, connectionOf({ ...extra, "sasl.mechanism": mechanism, "sasl.username": username, "sasl.password": password }));
  });

  test(`a wrong password over ${mechanism} is told as such`, { skip }, async () => {
    const { kafka, extra } = await saslSsl();
    const login = { login: kafka.account.username, password: "wr0ng" };
    const error = await failure(connectionOf({ ...extra, "sasl.mechanisms": mechanism.toLowerCase() }, login));
    assert.equal(error.code, "AUTHENTICATION_FAILED");
    assert.match(error.message, /refused the login.*correct sasl.username, sasl.password and sasl.mechanism/);
    assert.doesNotMatch(error.message, /wr0ng/);
  });
}

/** A token that the broker's unsecured validator takes: unsigned, with a subject and an end. */
function unsignedToken(subject: string, lifetimeS: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1_000);
  return `${part({ alg: "none" })}.${part({ sub: subject, iat: now, exp: now + lifetimeS })}.`;
}

test("OAUTHBEARER with a token reads and publishes; one that is over is told with the broker's reason", { skip }, async (t) => {
  const { extra } = await saslSsl();
  const bearer = { ...extra, "sasl.mechanism": "OAUTHBEARER" };
  await passThrough(t, connectionOf({ ...bearer, "sasl.oauthbearer.token": unsignedToken("reader", 3_600) }));
  const error = await failure(connectionOf(bearer, { password: unsignedToken("reader", -60) }));
  assert.equal(error.code, "AUTHENTICATION_FAILED");
  assert.match(error.message, /the token was refused: .*invalid_token/);
});

interface TokenRequest {
  readonly authorization: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
}

/** An OAuth 2 token endpoint (RFC 6749, 4.4) with one client. */
async function startTokenEndpoint(t: TestContext): Promise<{ url: string; requests: TokenRequest[] }> {
  const requests: TokenRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    void text(incoming).then((body) => {
      const { authorization } = incoming.headers;
      requests.push({ authorization, fields: Object.fromEntries(new URLSearchParams(body)) });
      const isKnown = authorization === `Basic ${Buffer.from("client:s3cret%2F").toString("base64")}`;
      outgoing.writeHead(isKnown ? 200 : 401, { "content-type": "application/json" });
      outgoing.end(
        JSON.stringify(isKnown ? { access_token: unsignedToken("client", 3_600), expires_in: 3_600 } : { error: "invalid_client" }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/token`, requests };
}

test("OAUTHBEARER by OIDC fetches one token for all connections; a refused client is told", { skip }, async (t) => {
  const { extra } = await saslSsl();
  const endpoint = await startTokenEndpoint(t);
  const oidc = {
    ...extra,
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.token.endpoint.url": endpoint.url,
    "sasl.oauthbearer.client.id": "client",
    "sasl.oauthbearer.client.secret": "s3cret/",
    "sasl.oauthbearer.scope": "kafka",
  };
  await passThrough(t, connectionOf(oidc));
  assert.deepEqual(endpoint.requests[0]!.fields, { grant_type: "client_credentials", scope: "kafka" });
  // One of the trigger, one of the publisher, each with several connections.
  assert.equal(endpoint.requests.length, 2);
  const refused = await failure(connectionOf({ ...oidc, "sasl.oauthbearer.client.secret": "wr0ng" }));
  assert.equal(refused.code, "AUTHENTICATION_FAILED");
  assert.match(refused.message, /token endpoint "http.*" gave client "client" no token \(401 invalid_client\)/);
  assert.doesNotMatch(refused.message, /wr0ng/);
  const silent = await failure(connectionOf({ ...oidc, "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:2/" }));
  assert.equal(silent.code, "BROKER_UNREACHABLE");
  assert.match(silent.message, /token endpoint "http:\/\/127.0.0.1:2\/" did not answer \(.*ECONNREFUSED/);
});

async function mutualTls(): Promise<{ kafka: SecureKafka; extra: Extra }> {
  const kafka = await secureKafka();
  const { ca } = kafka.certificates;
  return { kafka, extra: { "bootstrap.servers": `localhost:${kafka.mutualPort}`, "security.protocol": "ssl", "ssl.ca.location": ca } };
}

test("mutual TLS reads and publishes, with an encrypted key or one as text", { skip }, async (t) => {
  const { kafka, extra } = await mutualTls();
  const { clientCertificate, clientKey, encryptedClientKey, clientKeyPassword } = kafka.certificates;
  const encrypted = { "ssl.key.location": encryptedClientKey, "ssl.key.password": clientKeyPassword };
  await passThrough(t, connectionOf({ ...extra, "ssl.certificate.location": clientCertificate, ...encrypted }));
  const texts = {
    "ssl.ca.pem": readFileSync(kafka.certificates.ca, "utf8"),
    "ssl.certificate.pem": readFileSync(clientCertificate, "utf8"),
    "ssl.key.pem": readFileSync(clientKey, "utf8"),
  };
  const { "ssl.ca.location": _file, ...others } = extra;
  await passThrough(t, connectionOf({ ...others, ...texts }));
});

test("a key that does not fit its password or its certificate is refused by name", { skip }, async () => {
  const { kafka, extra } = await mutualTls();
  const { clientCertificate, encryptedClientKey, otherCaKey } = kafka.certificates;
  const cases: readonly (readonly [extra: Extra, message: RegExp])[] = [
    [{ "ssl.key.location": encryptedClientKey }, /"ssl.key.password".*the password of the encrypted key, got none/],
    [
      { "ssl.key.location": encryptedClientKey, "ssl.key.password": "wr0ng" },
      /"ssl.key.password".*the password of the key, got another one/,
    ],
    [{ "ssl.key.location": otherCaKey }, /"ssl.key.location".*the key of the certificate in "ssl.certificate.location", got another one/],
    [{ "ssl.key.location": clientCertificate }, /"ssl.key.location".*a private key in PEM/],
  ];
  for (const [key, message] of cases) {
    const error = await failure(connectionOf({ ...extra, "ssl.certificate.location": clientCertificate, ...key }));
    assert.equal(error.code, "CONNECTION_INVALID");
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /wr0ng/);
  }
});

test("without its certificate a client is told to give one", { skip }, async () => {
  const { kafka, extra } = await mutualTls();
  const error = await failure(connectionOf({ ...extra, "bootstrap.servers": `localhost:${kafka.mutualTls12Port}` }));
  assert.equal(error.code, "CERTIFICATE_REFUSED");
  assert.match(
    error.message,
    /refused the client's certificate, or got none \(ssl\/tls alert bad certificate\): correct ssl.certificate.location and ssl.key.location/,
  );
  const after = await failure(connectionOf(extra));
  assert.equal(after.code, "BROKER_UNREACHABLE");
  assert.match(after.message, /closes the connection.*a client's certificate \(ssl.certificate.location\)/);
});

test("a certificate that the broker's CA did not sign is told", { skip }, async () => {
  const { kafka, extra } = await mutualTls();
  const { otherCa, otherCaKey } = kafka.certificates;
  const own = { "ssl.certificate.location": otherCa, "ssl.key.location": otherCaKey };
  const error = await failure(connectionOf({ ...extra, ...own, "bootstrap.servers": `localhost:${kafka.mutualTls12Port}` }));
  assert.equal(error.code, "CERTIFICATE_REFUSED");
});

const UNTRUSTED: readonly (readonly [name: string, extra: (kafka: SecureKafka) => Extra, message: RegExp])[] = [
  [
    "the wrong CA",
    ({ certificates }) => ({ "ssl.ca.location": certificates.otherCa }),
    /not signed by a CA.*set ssl.ca.location to the CA/,
  ],
  ["the system's CAs", () => ({ "ssl.ca.location": "" }), /not signed by a CA.*set ssl.ca.location to the CA/],
  [
    "the wrong host name",
    ({ saslSslPort }) => ({ "bootstrap.servers": `127.0.0.1:${saslSslPort}` }),
    /certificate is for another host.*127\.0\.0\.1.*correct bootstrap.servers/,
  ],
];
for (const [name, change, message] of UNTRUSTED) {
  test(`with ${name} the certificate is not trusted`, { skip }, async () => {
    const { kafka, extra } = await saslSsl();
    const login = { login: kafka.account.username, password: kafka.account.password };
    const error = await failure(connectionOf({ ...extra, ...change(kafka) }, login));
    assert.equal(error.code, "CERTIFICATE_NOT_TRUSTED");
    assert.match(error.message, message);
  });
}

const UNCHECKED: readonly (readonly [name: string, extra: (kafka: SecureKafka) => Extra])[] = [
  [
    "ssl.endpoint.identification.algorithm none takes any host name",
    ({ saslSslPort }) => ({ "bootstrap.servers": `127.0.0.1:${saslSslPort}`, "ssl.endpoint.identification.algorithm": "none" }),
  ],
  [
    "enable.ssl.certificate.verification false takes any certificate",
    ({ certificates }) => ({ "ssl.ca.location": certificates.otherCa, "enable.ssl.certificate.verification": false }),
  ],
];
for (const [name, change] of UNCHECKED) {
  test(name, { skip }, async (t) => {
    const { kafka, extra } = await saslSsl();
    await passThrough(t, connectionOf({ ...extra, ...change(kafka) }, { login: kafka.account.username, password: kafka.account.password }));
  });
}

const MISMATCHES: readonly (readonly [name: string, extra: (kafka: SecureKafka) => Extra])[] = [
  [
    "PLAINTEXT to a TLS listener",
    ({ mutualPort }) => ({ "bootstrap.servers": `localhost:${mutualPort}`, "security.protocol": "PLAINTEXT" }),
  ],
  ["TLS to a PLAINTEXT listener", ({ server }) => ({ "bootstrap.servers": server.url, "security.protocol": "SSL" })],
];
for (const [name, change] of MISMATCHES) {
  test(`${name} is told as the wrong security.protocol`, { skip }, async () => {
    const { kafka } = await saslSsl();
    const error = await failure(connectionOf(change(kafka)));
    assert.equal(error.code, "BROKER_UNREACHABLE");
    assert.match(error.message, /security\.protocol/);
  });
}
