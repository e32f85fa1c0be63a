import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi } from "./api-harness.ts";

const PATH = "/api/v2/connections";
const KAFKA = {
  connection_id: "plant",
  conn_type: "kafka",
  host: "broker",
  port: 9092,
  login: "ann",
  password: "hunter2",
  description: "of the plant",
  extra: JSON.stringify({ "sasl.password": "hunter3", "sasl.mechanism": "PLAIN", nested: { client_secret: "hunter4", region: "eu" } }),
};

test("a connection is stored, shown without its secrets, changed field by field, and deleted", async (t) => {
  const api = await startApi(t);
  const created = await api.post(PATH, KAFKA);
  assert.equal(created.status, 201);
  const { body } = await api.get(`${PATH}/plant`);
  assert.deepEqual(body, created.body);
  assert.deepEqual(
    { ...body, extra: JSON.parse(body.extra) },
    {
      ...KAFKA,
      password: "***",
      schema: null,
      team_name: null,
      extra: { "sasl.password": "***", "sasl.mechanism": "PLAIN", nested: { client_secret: "***", region: "eu" } },
      source: "database",
      variable: null,
      error: null,
    },
  );
  // What was shown is sent back with one change: the secrets stay.
  const { source: _source, variable: _variable, error: _error, ...shown } = body;
  const changed = await api.patch(`${PATH}/plant`, { ...shown, host: "other", login: null });
  assert.deepEqual([changed.status, changed.body.host, changed.body.login], [200, "other", null]);
  await api.patch(`${PATH}/plant?update_mask=port`, { port: 1, host: "dropped" });
  const { body: again } = await api.get(`${PATH}/plant`);
  assert.deepEqual([again.host, again.port, again.password], ["other", 1, "***"]);
  assert.deepEqual(api.changedConnections, ["plant", "plant", "plant"]);
  assert.equal((await api.delete(`${PATH}/plant`)).status, 204);
  assert.equal((await api.get(`${PATH}/plant`)).body.code, "CONNECTION_NOT_FOUND");
  const actions = api.db.prepare("SELECT user_name, action, subject FROM audit_log").raw().all();
  assert.deepEqual(
    actions,
    ["save", "save", "save", "delete"].map((act) => ["admin", `connection.${act}`, "plant"]),
  );
  assert.doesNotMatch(api.logged(), /hunter/);
});

test("a masked value that stands for nothing, a second one of an id, and bad fields are refused", async (t) => {
  const api = await startApi(t);
  const refused = async (body: object, status: number, detail: RegExp) => {
    const answer = await api.post(PATH, body);
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.body.detail, detail);
    assert.doesNotMatch(answer.text, /hunter/);
  };
  await refused({ ...KAFKA, password: "***" }, 400, /field 'password': '\*\*\*' stands for the stored value/);
  await refused({ ...KAFKA, extra: '{"token": "***"}' }, 400, /field 'extra\.token'/);
  await refused({ ...KAFKA, extra: '{"token": "hunter"' }, 400, /'extra': expected a JSON object, got text that is none/);
  await refused({ ...KAFKA, port: 70_000 }, 400, /'port'/);
  await refused({ ...KAFKA, connection_id: "a b" }, 400, /'connection_id'/);
  await refused({ ...KAFKA, connection_id: ".." }, 400, /'connection_id'/);
  assert.equal((await api.post("/api/v2/variables", { key: "..", value: "1" })).status, 400);
  // A pattern that takes quadratic time would not come back from it.
  const long = { a: "y".repeat(400_000), b: `x://${"a:".repeat(200_000)}` };
  assert.equal((await api.post(PATH, { ...KAFKA, connection_id: "long", extra: long })).status, 201);
  await refused({ ...KAFKA, pasword: "x" }, 400, /'pasword' is not known/);
  await refused({ connection_id: "x" }, 400, /'conn_type'/);
  assert.equal((await api.post(PATH, KAFKA)).status, 201);
  await refused(KAFKA, 409, /there is a connection 'plant'/);
  const moved = await api.patch(`${PATH}/plant`, { connection_id: "else" });
  assert.match(moved.body.detail, /expected 'plant' as in the path/);
});

test("connections of the environment are listed with their variable, and cannot be written", async (t) => {
  const api = await startApi(t, { MILLRACE_CONN_AWS_DEFAULT: "aws://AK:hunter2@", AIRFLOW_CONN_BROKEN: "hunter3" });
  await api.post(PATH, KAFKA);
  const { body } = await api.get(PATH);
  const shown = body.connections.map((one: any) => [one.connection_id, one.conn_type, one.source, one.variable, one.password]);
  assert.deepEqual(shown, [
    ["aws_default", "aws", "environment", "MILLRACE_CONN_AWS_DEFAULT", "***"],
    ["broken", "", "environment", "AIRFLOW_CONN_BROKEN", null],
    ["plant", "kafka", "database", null, "***"],
  ]);
  assert.match(body.connections[1].error, /^CONNECTION_INVALID: connection 'broken' in AIRFLOW_CONN_BROKEN/);
  assert.doesNotMatch(JSON.stringify(body), /hunter/);
  assert.equal((await api.get(`${PATH}?connection_id_pattern=PLA`)).body.total_entries, 1);
  assert.deepEqual((await api.get(`${PATH}?order_by=-connection_id&limit=1`)).body.connections[0].connection_id, "plant");
  for (const answer of [
    await api.post(PATH, { connection_id: "aws-default", conn_type: "aws" }),
    await api.patch(`${PATH}/aws_default`, { host: "x" }),
    await api.delete(`${PATH}/aws_default`),
  ]) {
    assert.deepEqual([answer.status, answer.body.code], [409, "CONNECTION_READ_ONLY"]);
    assert.match(answer.body.detail, /MILLRACE_CONN_AWS_DEFAULT/);
  }
});

test("a viewer sees ids and types, an operator the rest, an admin alone writes", async (t) => {
  const api = await startApi(t);
  await api.post(PATH, KAFKA);
  await api.post("/api/v2/variables", { key: "region", value: "eu" });
  const [viewer, operator] = await Promise.all(
    (["viewer", "operator"] as const).map(async (role) => ({ authorization: `Bearer ${await api.tokenOf(role)}` })),
  );
  const { body: brief } = await api.get(`${PATH}/plant`, viewer);
  assert.deepEqual(
    [brief.conn_type, brief.host, brief.login, brief.password, brief.extra, brief.description],
    ["kafka", null, null, null, null, null],
  );
  assert.equal((await api.get(`${PATH}/plant`, operator)).body.host, "broker");
  assert.equal((await api.get("/api/v2/variables/region", viewer)).body.value, null);
  assert.equal((await api.get("/api/v2/variables/region", operator)).body.value, "eu");
  const statuses = await Promise.all([
    api.post(PATH, KAFKA, operator),
    api.patch(`${PATH}/plant`, {}, operator),
    api.delete(`${PATH}/plant`, operator),
    api.post("/api/v2/variables", { key: "k", value: "v" }, operator),
    api.patch("/api/v2/variables/region", {}, operator),
    api.delete("/api/v2/variables/region", operator),
    api.post(`${PATH}/test`, { connection_id: "plant" }, viewer),
    api.post(`${PATH}/test`, { connection_id: "plant", host: "elsewhere", password: "***" }, operator),
    api.post("/api/v2/publish", { connection_id: "plant", queue: "t", body: "" }, viewer),
  ]);
  for (const { status, body } of statuses) assert.deepEqual([status, body.code], [403, "FORBIDDEN"]);
});

test("variables: text as it is, other values as JSON, secret names masked", async (t) => {
  const api = await startApi(t, { MILLRACE_VAR_REGION: "eu" });
  const path = "/api/v2/variables";
  assert.deepEqual(
    [await api.post(path, { key: "limit", value: 5 }), await api.post(path, { key: "api_key", value: "hunter2", description: "d" })].map(
      ({ status, body }) => [status, body.value, body.is_encrypted],
    ),
    [
      [201, "5", true],
      [201, "***", true],
    ],
  );
  const patched = await api.patch(`${path}/limit`, { key: "limit", value: { max: 6 } });
  assert.equal(patched.body.value, '{"max":6}');
  await api.patch(`${path}/api_key`, { key: "api_key", value: "***", description: "e" });
  const { body } = await api.get(path);
  assert.deepEqual(
    body.variables.map((one: any) => [one.key, one.value, one.description, one.variable, one.is_encrypted]),
    [
      ["api_key", "***", "e", null, true],
      ["limit", '{"max":6}', null, null, true],
      ["region", "eu", null, "MILLRACE_VAR_REGION", false],
    ],
  );
  assert.equal((await api.post(path, { key: "limit", value: 1 })).body.code, "VARIABLE_EXISTS");
  assert.equal((await api.patch(`${path}/region`, { value: "us" })).body.code, "VARIABLE_READ_ONLY");
  assert.equal((await api.delete(`${path}/limit`)).status, 204);
  assert.equal((await api.get(`${path}/limit`)).body.code, "VARIABLE_NOT_FOUND");
});

test("a stored row that cannot be decrypted is listed with the reason, and replaced or deleted", async (t) => {
  const api = await startApi(t);
  await api.post(PATH, KAFKA);
  await api.post("/api/v2/variables", { key: "v", value: "1" });
  api.db.prepare("UPDATE connection SET secret = ?").run(Buffer.alloc(40));
  api.db.prepare("UPDATE variable SET secret = ?").run(Buffer.alloc(3));
  const [listed] = (await api.get(PATH)).body.connections;
  assert.match(listed.error, /^SECRET_UNREADABLE: connection 'plant' was stored with another key/);
  assert.match((await api.get("/api/v2/variables/v")).body.error, /^SECRET_UNREADABLE: variable 'v'/);
  const test = await api.post(`${PATH}/test`, { connection_id: "plant" });
  assert.deepEqual([test.status, test.body.status], [200, false]);
  assert.match(test.body.message, /SECRET_UNREADABLE/);
  assert.equal((await api.patch(`${PATH}/plant`, { host: "h" })).body.code, "SECRET_UNREADABLE");
  assert.equal((await api.patch(`${PATH}/plant`, { conn_type: "kafka", host: "h" })).body.error, null);
});

test("many are changed at once, each by itself", async (t) => {
  const api = await startApi(t);
  await api.post(PATH, KAFKA);
  const other = { connection_id: "other", conn_type: "aws" };
  const { status, body } = await api.patch(PATH, {
    actions: [
      { action: "create", entities: [KAFKA, other] },
      { action: "create", entities: [{ ...KAFKA, host: "skipped" }], action_on_existence: "skip" },
      { action: "update", entities: [{ connection_id: "plant", conn_type: "kafka", host: "new", port: 1 }], update_mask: ["host"] },
      { action: "delete", entities: ["other", "nobody"] },
      { action: "delete", entities: ["nobody"], action_on_non_existence: "skip" },
    ],
  });
  assert.equal(status, 200);
  assert.deepEqual([body.create.success, body.update.success, body.delete.success], [["other"], ["plant"], ["other"]]);
  assert.deepEqual(
    [...body.create.errors, ...body.delete.errors].map(({ id, code, status_code }: any) => [id, code, status_code]),
    [
      ["plant", "CONNECTION_EXISTS", 409],
      ["nobody", "CONNECTION_NOT_FOUND", 404],
    ],
  );
  const { body: plant } = await api.get(`${PATH}/plant`);
  assert.deepEqual([plant.host, plant.port, plant.password], ["new", 9092, "***"]);
  const overwritten = await api.patch(PATH, {
    actions: [{ action: "create", entities: [{ ...KAFKA, password: "***", port: 2 }], action_on_existence: "overwrite" }],
  });
  assert.deepEqual([overwritten.body.create.success, overwritten.body.update], [["plant"], null]);
  assert.equal((await api.get(`${PATH}/plant`)).body.port, 2);
  const variables = await api.patch("/api/v2/variables", { actions: [{ action: "create", entities: [{ key: "a", value: { b: 1 } }] }] });
  assert.deepEqual(variables.body.create.success, ["a"]);
  assert.equal((await api.get("/api/v2/variables/a")).body.value, '{"b":1}');
  assert.equal((await api.patch(PATH, { actions: [{ action: "replace", entities: [] }] })).status, 400);
});
