import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { test, type TestContext } from "node:test";
import { sharedFauxqs } from "@millrace/test-services";
import type { Connection, ConnectionTestResult, ProviderLog } from "@millrace/sdk/provider";
import { findQueue } from "./find-queue.ts";
import { provider } from "./provider.ts";

const silent = (): void => {};
const log: ProviderLog = { debug: silent, info: silent, warn: silent, error: silent };

const connectionTo = (url: string, fields: Partial<Connection> = {}): Connection => ({
  id: `aws-${randomUUID()}`,
  connType: "aws",
  login: "AK",
  password: "s3cret",
  extra: { region_name: "eu-west-1", endpoint_url: url },
  ...fields,
});

async function tryOut(connection: Connection): Promise<ConnectionTestResult> {
  const result = await provider.testConnection!(connection, { log, signal: AbortSignal.timeout(60_000) });
  assert.doesNotMatch(JSON.stringify(result), /s3cret/);
  return result;
}

/** Answers as AWS does where it refuses: what the services of this machine never do. */
async function refusing(t: TestContext, type: string, status: number): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    outgoing.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
    outgoing.end(JSON.stringify({ __type: `com.amazon.coral.service#${type}`, message: `${type}: told by AWS` }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test("a connection that works says which queues there are", async () => {
  const sqs = await sharedFauxqs();
  await sqs.createQueue({ name: `aaa-${randomUUID()}` });
  const result = await tryOut(connectionTo(sqs.url, { extra: { endpoint_url: sqs.url } }));
  assert.equal(result.ok, true);
  assert.match(result.message, /^SQS in us-east-1 answers: \d+ queues? \(/);
});

test("an expired token and a wrong key are told as such", async (t) => {
  for (const type of ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"]) {
    const result = await tryOut(connectionTo(await refusing(t, type, 403)));
    assert.ok(!result.ok);
    assert.match(
      result.message,
      new RegExp(`^AUTHENTICATION_FAILED: AWS refused the credentials for the queues in eu-west-1 \\(${type}\\)`),
    );
    assert.match(result.hint, /extra\.aws_session_token/);
  }
});

test("a login that may not list queues works, and is told what it lacks and what is needed", async (t) => {
  const result = await tryOut(connectionTo(await refusing(t, "AccessDeniedException", 403)));
  assert.equal(result.ok, true);
  assert.match(result.message, /takes the login, but it lacks sqs:ListQueues.*sqs:ReceiveMessage and sqs:DeleteMessage.*sqs:SendMessage/);
});

test("a role that may not be assumed names sts:AssumeRole and the role", async (t) => {
  const role = "arn:aws:iam::222222222222:role/reader";
  const url = await refusing(t, "AccessDenied", 403);
  const extra = { region_name: "eu-west-1", role_arn: role, service_config: { sts: { endpoint_url: url } } };
  const result = await tryOut(connectionTo(url, { extra }));
  assert.ok(!result.ok);
  assert.match(result.message, /sts:AssumeRole on the role "arn:aws:iam::222222222222:role\/reader" is not allowed/);
});

test("an address nobody answers at, and half a login, are told", async (t) => {
  const url = await refusing(t, "unused", 500);
  const gone = `http://127.0.0.1:1`;
  const unreachable = await tryOut(connectionTo(gone));
  assert.ok(!unreachable.ok);
  assert.match(unreachable.message, /^BROKER_UNREACHABLE: /);
  assert.match(unreachable.hint, /extra\.region_name, extra\.endpoint_url/);
  const half = await tryOut(connectionTo(url, { password: undefined }));
  assert.ok(!half.ok);
  assert.match(half.message, /^CREDENTIALS_MISSING: /);
});

test("a queue is found by its bare name; one that is not there is told by it", async () => {
  const sqs = await sharedFauxqs();
  const name = `named-${randomUUID()}`;
  const queueUrl = await sqs.createQueue({ name });
  assert.equal(
    await findQueue(name, connectionTo(sqs.url, { extra: { region_name: "us-east-1", endpoint_url: sqs.url } }), { log }),
    queueUrl,
  );
  await assert.rejects(findQueue("nope", connectionTo(sqs.url), { log }), {
    code: "QUEUE_NOT_FOUND",
    message: /the queue "nope" does not exist/,
  });
});
