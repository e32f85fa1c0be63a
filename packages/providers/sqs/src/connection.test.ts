import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { MessageStore, eventually, sharedFauxqs, skipWithout, startMoto } from "@millrace/test-services";
import type { Connection, ProviderLog } from "@millrace/sdk/provider";
import { SqsPublisher } from "./publisher.ts";
import { openSqsTrigger } from "./trigger.ts";

const ROLE = "arn:aws:iam::222222222222:role/reader";
const QUEUE = "https://sqs.eu-west-1.amazonaws.com/1/q";
const silent = (): void => {};
const quiet: ProviderLog = { debug: silent, info: silent, warn: silent, error: silent };

async function listen(t: TestContext, handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** Who signed a request, and with which session token. */
function signerOf(headers: NodeJS.Dict<string | string[]>): string {
  const key = /Credential=([^/]+)\//.exec(String(headers["authorization"]))?.[1] ?? "nobody";
  return `${key} ${String(headers["x-amz-security-token"] ?? "-")}`;
}

/** A queue on a real server behind a proxy that notes who signed. */
async function openNotedQueue(t: TestContext): Promise<{ queueUrl: string; url: string; signers: Set<string> }> {
  const sqs = await sharedFauxqs();
  const queueUrl = await sqs.createQueue();
  await sqs.send(queueUrl, ["hello"]);
  const signers = new Set<string>();
  const url = await listen(t, (incoming, outgoing) => {
    signers.add(signerOf(incoming.headers));
    const passed = request(new URL(incoming.url!, sqs.url), { method: incoming.method!, headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode!, response.headers);
      response.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  return { queueUrl, url, signers };
}

interface RoleRequest {
  readonly signer: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Speaks STS's AssumeRole: the n-th credentials are ASIA<n>, for an hour or less. The SDK renews them in their last five minutes. */
async function startSts(t: TestContext, lifetimeMs = 3_600_000): Promise<{ url: string; requests: RoleRequest[] }> {
  const requests: RoleRequest[] = [];
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    requests.push({ signer: signerOf(incoming.headers), fields: Object.fromEntries(new URLSearchParams(await text(incoming))) });
    const n = requests.length;
    const expiration = new Date(Date.now() + lifetimeMs).toISOString();
    const credentials = `<AccessKeyId>ASIA${n}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token${n}</SessionToken><Expiration>${expiration}</Expiration>`;
    outgoing.setHeader("content-type", "text/xml");
    outgoing.end(
      `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`,
    );
  };
  const url = await listen(t, (incoming, outgoing) => void answer(incoming, outgoing));
  return { url, requests };
}

function connectionOf(fields: Partial<Connection>): Connection {
  return { id: `aws-${randomUUID()}`, connType: "aws", extra: {}, ...fields };
}

async function readOne(t: TestContext, queueUrl: string, connection: Connection): Promise<string[]> {
  const store = new MessageStore();
  const stream = await openSqsTrigger({ queueUrl, waitTimeSeconds: 0 }, connection, store.context());
  t.after(() => stream.close({ deadlineMs: 0 }));
  const drained = store.drain(stream);
  await eventually(() => assert.equal(store.stored.length, 1));
  await stream.close({ deadlineMs: 20_000 });
  await drained;
  return store.values;
}

test("a role is assumed with the connection's own login, and again before it ends", async (t) => {
  const { queueUrl, url, signers } = await openNotedQueue(t);
  const sts = await startSts(t, 60_000);
  const extra = {
    endpoint_url: url,
    region_name: "eu-west-1",
    role_arn: ROLE,
    assume_role_kwargs: { ExternalId: "millrace-1", DurationSeconds: 900 },
    service_config: { sts: { endpoint_url: sts.url } },
  };
  const connection = connectionOf({ id: "aws eu", login: "AKIABASE", password: "secret", extra });
  assert.deepEqual(await readOne(t, queueUrl, connection), ["hello"]);
  assert.deepEqual(sts.requests[0], {
    signer: "AKIABASE -",
    fields: {
      Action: "AssumeRole",
      Version: "2011-06-15",
      RoleArn: ROLE,
      RoleSessionName: "millrace-aws-eu",
      ExternalId: "millrace-1",
      DurationSeconds: "900",
    },
  });
  assert.ok(sts.requests.length > 1);
  assert.ok(
    [...signers].every((signer) => /^ASIA(\d+) token\1$/.test(signer)),
    [...signers].join(),
  );
  assert.ok(signers.size > 1, [...signers].join());
});

test("a publisher assumes the role too; options may be JSON text, as a URI has them, and the external id a key of its own", async (t) => {
  const { queueUrl, url, signers } = await openNotedQueue(t);
  const sts = await startSts(t);
  const service = JSON.stringify({ sts: { endpoint_url: sts.url }, sqs: { endpoint_url: url } });
  const extra = { region_name: "eu-west-1", role_arn: ROLE, external_id: "e", service_config: service };
  const publisher = new SqsPublisher(connectionOf({ login: "AK", password: "SK", extra }), quiet);
  t.after(() => publisher.close());
  const results = await publisher.publish([{ id: "1", params: { queueUrl }, body: Buffer.from("x"), options: {} }]);
  assert.deepEqual(results, [{ outcome: "sent" }]);
  assert.equal(sts.requests.length, 1);
  assert.equal(sts.requests[0]!.fields["ExternalId"], "e");
  assert.deepEqual([...signers], ["ASIA1 token1"]);
});

const ROLE_FAILURES: readonly (readonly [status: number, type: string, code: string, message: RegExp])[] = [
  [403, "AccessDenied", "ACCESS_DENIED", /sts:AssumeRole on the role "arn:.*reader" is not allowed.*trust policy.*external id/],
  [403, "InvalidClientTokenId", "AUTHENTICATION_FAILED", /refused the credentials for the role "arn:/],
  [400, "ValidationError", "REQUEST_REFUSED", /STS refused.*correct "role_arn" and "assume_role_kwargs"/],
  [503, "ServiceUnavailable", "BROKER_BUSY", /STS could not answer for the role/],
];
for (const [status, type, code, message] of ROLE_FAILURES) {
  test(`a role that cannot be assumed for ${type} is ${code}`, async (t) => {
    const url = await listen(t, (_, response) => {
      response.writeHead(status, { "content-type": "text/xml" });
      response.end(
        `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${type}</Code><Message>as documented</Message></Error></ErrorResponse>`,
      );
    });
    const extra = { role_arn: ROLE, region_name: "eu-west-1", service_config: { sts: { endpoint_url: url } } };
    const connection = connectionOf({ login: "AK", password: "SK", extra });
    await assert.rejects(openSqsTrigger({ queueUrl: QUEUE }, connection, new MessageStore().context()), { code, message });
  });
}

test("an STS that does not answer is told as STS", async () => {
  const extra = { role_arn: ROLE, region_name: "eu-west-1", service_config: { sts: { endpoint_url: "http://127.0.0.1:1" } } };
  const connection = connectionOf({ login: "AK", password: "SK", extra });
  await assert.rejects(openSqsTrigger({ queueUrl: QUEUE }, connection, new MessageStore().context()), {
    code: "BROKER_UNREACHABLE",
    message: /STS did not answer for the role "arn:.*ECONNREFUSED/,
  });
});

test("the keys of a login may be in extra, with a session token", async (t) => {
  const { queueUrl, url, signers } = await openNotedQueue(t);
  const extra = { endpoint_url: url, aws_access_key_id: "ASIAOWN", aws_secret_access_key: "s", aws_session_token: "token-of-mine" };
  assert.deepEqual(await readOne(t, queueUrl, connectionOf({ extra })), ["hello"]);
  assert.deepEqual([...signers], ["ASIAOWN token-of-mine"]);
});

/** Sets variables of the SDK's own chain for one test. */
function setEnvironment(t: TestContext, variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

test("without a login: the profile, else the SDK's own chain; a profile that is not there is told", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-aws-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "credentials");
  writeFileSync(file, "[work]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s\n");
  setEnvironment(t, {
    AWS_SHARED_CREDENTIALS_FILE: file,
    AWS_CONFIG_FILE: join(folder, "config"),
    AWS_ACCESS_KEY_ID: "AKIACHAIN",
    AWS_SECRET_ACCESS_KEY: "s",
    AWS_EC2_METADATA_DISABLED: "true",
  });
  const byProfile = await openNotedQueue(t);
  await readOne(t, byProfile.queueUrl, connectionOf({ extra: { endpoint_url: byProfile.url, profile_name: "work" } }));
  assert.deepEqual([...byProfile.signers], ["AKIAPROFILE -"]);
  const byChain = await openNotedQueue(t);
  await readOne(t, byChain.queueUrl, connectionOf({ extra: { endpoint_url: byChain.url } }));
  assert.deepEqual([...byChain.signers], ["AKIACHAIN -"]);
  const missing = connectionOf({ extra: { endpoint_url: byChain.url, profile_name: "wrok" } });
  await assert.rejects(openSqsTrigger({ queueUrl: byChain.queueUrl }, missing, new MessageStore().context()), {
    code: "CREDENTIALS_MISSING",
    message: /got none.*"profile_name"/,
  });
});

const INVALID: readonly (readonly [extra: Readonly<Record<string, unknown>>, message: RegExp])[] = [
  [
    { role_arn: ROLE, assume_role_kwargs: { ExternalID: "e" } },
    /"assume_role_kwargs".*RoleSessionName.*got "ExternalID"; did you mean "ExternalId"/,
  ],
  [{ role_arn: ROLE, assume_role_kwargs: "{s3cret" }, /"assume_role_kwargs".*a JSON object, got something else/],
  [{ role_arn: ROLE, assume_role_method: "assume_role_with_saml" }, /"assume_role_method".*"assume_role", got "assume_role_with_saml"/],
  [{ role_arn: ["s3cret"] }, /"role_arn".*text, got an array/],
  [{ region_name: 1 }, /"region_name".*text, got a value of type number/],
  [{ service_config: [] }, /"service_config".*a JSON object/],
  [{ wait_time_seconds: "30" }, /"wait_time_seconds".*an integer from 0 to 20, got "30"/],
];
for (const [extra, message] of INVALID) {
  test(`refused by name: ${message.source}`, async () => {
    const connection = connectionOf({ login: "AK", password: "s3cret", extra });
    await assert.rejects(
      openSqsTrigger({ queueUrl: QUEUE }, connection, new MessageStore().context()),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "CONNECTION_INVALID");
        assert.match(error.message, message);
        assert.ok(error.message.includes(connection.id));
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      },
    );
  });
}

test("a key that is not used is told once, by trigger and publisher together", async (t) => {
  const { queueUrl, url } = await openNotedQueue(t);
  const connection = connectionOf({ login: "AK", password: "SK", extra: { endpoint_url: url, region: "eu-west-1" } });
  const warnings: string[] = [];
  const log = { ...quiet, warn: (message: string) => warnings.push(message) };
  const stream = await openSqsTrigger({ queueUrl }, connection, { ...new MessageStore().context(), log });
  await stream.close({ deadlineMs: 0 });
  const publisher = new SqsPublisher(connection, log);
  t.after(() => publisher.close());
  await publisher.publish([{ id: "1", params: { queueUrl }, body: Buffer.from("x"), options: {} }]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, new RegExp(`"${connection.id}": "region" in its extra.*did you mean "region_name"\\?`));
});

test("a queue of another account is read through a role of it", { skip: skipWithout("moto") }, async (t) => {
  const moto = await startMoto();
  t.after(() => moto.stop());
  const extra = {
    endpoint_url: moto.url,
    region_name: "us-east-1",
    role_arn: ROLE,
    service_config: { sts: { endpoint_url: moto.url } },
  };
  const withRole = connectionOf({ login: "AKIAOWN", password: "SK", extra });
  const { role_arn: _role, ...ownExtra } = extra;
  const queueUrl = await moto.createQueue("222222222222");
  const publisher = new SqsPublisher(withRole, quiet);
  t.after(() => publisher.close());
  assert.deepEqual(await publisher.publish([{ id: "1", params: { queueUrl }, body: Buffer.from("for the role"), options: {} }]), [
    { outcome: "sent" },
  ]);
  assert.deepEqual(await readOne(t, queueUrl, withRole), ["for the role"]);
  await assert.rejects(openSqsTrigger({ queueUrl }, { ...withRole, extra: ownExtra }, new MessageStore().context()), {
    code: "QUEUE_NOT_FOUND",
  });
});
