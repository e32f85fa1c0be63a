import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AesSecretCipher } from "../src/config/aes-secret-cipher.ts";
import { EnvironmentConnections } from "../src/config/connections.ts";
import { SecretKey } from "../src/config/secret-key.ts";
import { EnvironmentVariables } from "../src/config/variables.ts";
import { ConnectionRegistry } from "../src/domain/connection-registry.ts";
import { VariableRegistry } from "../src/domain/variable-registry.ts";
import { SqliteAuditLog } from "../src/metadata-db/sqlite/audit-log.ts";
import { SqliteConnectionStore } from "../src/metadata-db/sqlite/connection-store.ts";
import { SqliteVariableStore } from "../src/metadata-db/sqlite/variable-store.ts";
import { seedDatabase } from "./seeded-database.ts";

const BY = { userName: "ann", at: 7 };
const SECRETS = { password: "hunter2", extra: { "sasl.password": "hunter3" } };

function setUp(t: TestContext, env: Record<string, string> = {}) {
  const home = mkdtempSync(join(tmpdir(), "millrace-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const { db, file } = seedDatabase(t);
  const changed: string[] = [];
  const open = (secretKey: Uint8Array | null = null) => {
    const cipher = new AesSecretCipher(new SecretKey({ home, secretKey }));
    const audit = new SqliteAuditLog(db);
    const connections = new ConnectionRegistry({
      environment: new EnvironmentConnections(env),
      store: new SqliteConnectionStore(db, cipher, audit),
      onChange: (id) => changed.push(id),
    });
    return { connections, variables: new VariableRegistry(new EnvironmentVariables(env), new SqliteVariableStore(db, cipher, audit)) };
  };
  return { db, file, home, key: join(home, "secret.key"), changed, open };
}

const kafka = (id: string) => ({ id, connType: "kafka", host: "h", port: 9092, ...SECRETS });

test("a stored connection comes back as it was; the file holds no secret; the key is its owner's alone", async (t) => {
  const { db, file, key, changed, open } = setUp(t);
  const { connections, variables } = open();
  assert.deepEqual(await connections.list(), []);
  assert.throws(() => statSync(key), { code: "ENOENT" });
  await connections.create(kafka("k"), "of the plant", BY);
  await variables.create({ key: "region", value: "hunter4", description: null }, BY);
  assert.equal(statSync(key).mode & 0o777, 0o600);
  const again = open();
  assert.deepEqual(await again.connections.get("k"), kafka("k"));
  assert.equal((await again.connections.entry("k")).description, "of the plant");
  assert.equal(await again.variables.get("region"), "hunter4");
  db.pragma("wal_checkpoint(TRUNCATE)");
  assert.doesNotMatch(readFileSync(file, "latin1"), /hunter/);
  assert.deepEqual(changed, ["k"]);
  const audit = db.prepare("SELECT at, user_name, action, subject FROM audit_log").raw().all();
  assert.deepEqual(audit, [
    [7, "ann", "connection.save", "k"],
    [7, "ann", "variable.save", "region"],
  ]);
});

test("every write has a nonce of its own, and a secret moved to another row does not open", async (t) => {
  const { db, open } = setUp(t);
  const { connections } = open();
  await connections.create(kafka("a"), null, BY);
  await connections.create(kafka("b"), null, BY);
  const secret = (id: string) => db.prepare("SELECT secret FROM connection WHERE id = ?").pluck().get(id) as Buffer;
  const before = secret("a");
  await connections.replace(kafka("a"), null, BY);
  assert.notDeepEqual(secret("a").subarray(0, 12), before.subarray(0, 12));
  db.prepare("UPDATE connection SET secret = ? WHERE id = 'b'").run(secret("a"));
  await assert.rejects(connections.get("b"), { code: "SECRET_UNREADABLE", message: /^connection 'b' was stored with another key/ });
});

test("a wrong or a missing key is told of the row, which can be deleted; the others are not concerned", async (t) => {
  const { key, open } = setUp(t);
  await open().connections.create(kafka("k"), null, BY);
  await open().variables.create({ key: "v", value: "1", description: null }, BY);
  const wrong = open(randomBytes(32));
  await assert.rejects(wrong.connections.get("k"), { code: "SECRET_UNREADABLE", message: /^connection 'k' .* in MILLRACE_SECRET_KEY$/ });
  await assert.rejects(wrong.variables.get("v"), { code: "SECRET_UNREADABLE", message: /^variable 'v'/ });
  await wrong.connections.create(kafka("other"), null, BY);
  assert.deepEqual(
    (await wrong.connections.list()).map(({ id, connType, error }) => [id, connType, error?.code]),
    [
      ["k", "kafka", "SECRET_UNREADABLE"],
      ["other", "kafka", undefined],
    ],
  );
  await wrong.connections.delete("other", BY);
  unlinkSync(key);
  const missing = open();
  await assert.rejects(missing.connections.get("k"), {
    code: "SECRET_UNREADABLE",
    message: /its key is not there: expected it in .*secret\.key'$/,
  });
  await assert.rejects(missing.connections.create(kafka("new"), null, BY), {
    code: "SECRET_UNREADABLE",
    message: /^connection 'new' cannot be stored/,
  });
  assert.throws(() => statSync(key), { code: "ENOENT" }, "no second key is made beside rows that need the first");
  await missing.connections.delete("k", BY);
  await missing.variables.delete("v", BY);
  await missing.connections.create(kafka("new"), null, BY);
  assert.deepEqual(await open().connections.get("new"), kafka("new"));
});

test("a key file that holds no key is told, and is left as it is", async (t) => {
  const { key, open } = setUp(t);
  writeFileSync(key, "not a key\n");
  await assert.rejects(open().connections.create(kafka("k"), null, BY), {
    code: "SECRET_KEY_INVALID",
    message: /32 bytes in base64, got something else/,
  });
  assert.equal(readFileSync(key, "utf8"), "not a key\n");
});

test("the environment goes before what is stored, and is not written", async (t) => {
  const env = { MILLRACE_CONN_SQS_EU: '{"conn_type": "aws"}', AIRFLOW_VAR_REGION: "eu", MILLRACE_CONN_BROKEN: "s3cret" };
  const { open } = setUp(t, env);
  const { connections, variables } = open();
  assert.equal((await connections.get("sqs-eu")).connType, "aws");
  await assert.rejects(connections.create(kafka("sqs-eu"), null, BY), { code: "CONNECTION_READ_ONLY", message: /MILLRACE_CONN_SQS_EU/ });
  await assert.rejects(connections.delete("sqs-eu", BY), { code: "CONNECTION_READ_ONLY" });
  await connections.create(kafka("stored"), null, BY);
  assert.deepEqual(
    (await connections.list()).map(({ id, variable, error }) => [id, variable, error?.code]),
    [
      ["broken", "MILLRACE_CONN_BROKEN", "CONNECTION_INVALID"],
      ["sqs_eu", "MILLRACE_CONN_SQS_EU", undefined],
      ["stored", null, undefined],
    ],
  );
  await assert.rejects(variables.create({ key: "region", value: "us", description: null }, BY), { code: "VARIABLE_READ_ONLY" });
  assert.equal(await variables.get("region"), "eu");
});

test("a connection that a variable came to hide is left out, and can still be deleted", async (t) => {
  const env: Record<string, string> = {};
  const { open, db } = setUp(t, env);
  const { connections } = open();
  await connections.create(kafka("sqs-eu"), null, BY);
  env["AIRFLOW_CONN_SQS_EU"] = "aws://";
  assert.equal((await connections.get("sqs-eu")).connType, "aws");
  assert.deepEqual(
    (await connections.list()).map(({ id }) => id),
    ["sqs_eu"],
  );
  await connections.delete("sqs-eu", BY);
  assert.equal(db.prepare("SELECT count(*) FROM connection").pluck().get(), 0);
});

test("what is not there names where it was looked for, and what may be meant", async (t) => {
  const { open } = setUp(t);
  const { connections, variables } = open();
  await connections.create(kafka("kafka_default"), null, BY);
  await assert.rejects(connections.get("kafka_defualt"), {
    code: "CONNECTION_NOT_FOUND",
    message: /MILLRACE_CONN_KAFKA_DEFUALT or AIRFLOW_CONN_KAFKA_DEFUALT or in the metadata DB/,
    hint: "did you mean 'kafka_default'?",
  });
  await assert.rejects(connections.get("warehouse"), { hint: /connections add warehouse.*known are kafka_default$/ });
  await assert.rejects(connections.replace(kafka("x"), null, BY), { code: "CONNECTION_NOT_FOUND" });
  await assert.rejects(connections.create(kafka("kafka_default"), null, BY), { code: "CONNECTION_EXISTS" });
  await assert.rejects(variables.get("x"), { code: "VARIABLE_NOT_FOUND" });
  await assert.rejects(variables.delete("x", BY), { code: "VARIABLE_NOT_FOUND" });
});
