import assert from "node:assert/strict";
import { test } from "node:test";
import type { MillraceError } from "../domain/errors.ts";
import { EnvironmentConnections } from "./connections.ts";
import { EnvironmentVariables } from "./variables.ts";

const get = (id: string, env: Record<string, string>) => new EnvironmentConnections(env).get(id);

test("a connection has the field's own words, and extra as an object or as JSON text", async () => {
  const value = {
    conn_type: "aws",
    login: "AK",
    password: "SK",
    host: "h",
    port: "9324",
    schema: "s",
    extra: '{"region_name":"eu-west-1"}',
  };
  const connection = await get("aws-default", { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(value) });
  assert.deepEqual(connection, {
    id: "aws-default",
    connType: "aws",
    host: "h",
    login: "AK",
    password: "SK",
    port: 9324,
    schema: "s",
    extra: { region_name: "eu-west-1" },
  });
  const kafka = await get("k", { AIRFLOW_CONN_K: JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": "b:1" } }) });
  assert.deepEqual(kafka.extra, { "bootstrap.servers": "b:1" });
});

test("MILLRACE_CONN_ comes before AIRFLOW_CONN_", async () => {
  const env = { MILLRACE_CONN_A: '{"conn_type":"ours"}', AIRFLOW_CONN_A: '{"conn_type":"theirs"}' };
  assert.equal((await get("a", env)).connType, "ours");
});

test("an unknown connection names the variable to set", async () => {
  await assert.rejects(get("sqs.eu", {}), { code: "CONNECTION_NOT_FOUND", message: /MILLRACE_CONN_SQS_EU or AIRFLOW_CONN_SQS_EU/ });
});

const invalid: readonly [text: string, message: RegExp][] = [
  ["s3cret", /a JSON object or a URI, got text that is neither/],
  ['{"password":"s3cret"', /got text that is neither \(at character \d+\)/],
  ['["s3cret"]', /got an array/],
  ['{"password":"s3cret"}', /'conn_type'/],
  ['{"conn_type":"aws","pasword":"s3cret"}', /got 'pasword'/],
  ['{"conn_type":"aws","port":"s3cret"}', /'port' to be an integer from 1 to 65535, got a string/],
  ['{"conn_type":"aws","port":70000}', /got '70000'/],
  ['{"conn_type":"aws","login":["s3cret"]}', /'login' to be a string, got an array/],
  ['{"conn_type":"aws","extra":"s3cret"}', /'extra' to be a JSON object, got text that is not JSON/],
  ['{"conn_type":"aws","extra":["s3cret"]}', /'extra' to be a JSON object, got an array/],
];
for (const [text, message] of invalid) {
  test(`refused without showing the secret: ${message.source}`, async () => {
    await assert.rejects(get("x", { MILLRACE_CONN_X: text }), (error: MillraceError) => {
      assert.equal(error.code, "CONNECTION_INVALID");
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${error.hint} ${error.stack} ${String(error.cause)}`, /s3cret/);
      return true;
    });
  });
}

test("variables come from the environment, ours first, and may be empty", async () => {
  const variables = new EnvironmentVariables({ MILLRACE_VAR_A: "1", AIRFLOW_VAR_A: "2", AIRFLOW_VAR_B: "" });
  assert.equal(await variables.get("a"), "1");
  assert.equal(await variables.get("b"), "");
  await assert.rejects(variables.get("c"), { code: "VARIABLE_NOT_FOUND", message: /MILLRACE_VAR_C or AIRFLOW_VAR_C/ });
});
