import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { AesSecretCipher } from "../../src/config/aes-secret-cipher.ts";
import { EnvironmentConnections } from "../../src/config/connections.ts";
import { SecretKey } from "../../src/config/secret-key.ts";
import { EnvironmentVariables } from "../../src/config/variables.ts";
import { ConnectionRegistry } from "../../src/domain/connection-registry.ts";
import { VariableRegistry } from "../../src/domain/variable-registry.ts";
import { SqlConnectionStore } from "../../src/metadata-db/stores/connection-store.ts";
import { SqlVariableStore } from "../../src/metadata-db/stores/variable-store.ts";
import type { OpenTestDatabase } from "./test-database.ts";

const BY = { userName: "ann", at: 7 };
const SECRETS = { password: "hunter2", extra: { "sasl.password": "hunter3" } };

async function setUp(t: TestContext, openDatabase: OpenTestDatabase, env: Record<string, string> = {}) {
  const home = mkdtempSync(join(tmpdir(), "millrace-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const db = await openDatabase(t);
  const changed: string[] = [];
  const open = (secretKey: Uint8Array | null = null) => {
    const cipher = new AesSecretCipher(new SecretKey({ home, secretKey }));
    const connections = new ConnectionRegistry({
      environment: new EnvironmentConnections(env),
      store: new SqlConnectionStore(db.runner, cipher),
      onChange: (id) => changed.push(id),
    });
    return { connections, variables: new VariableRegistry(new EnvironmentVariables(env), new SqlVariableStore(db.runner, cipher)) };
  };
  return { db, home, key: join(home, "secret.key"), changed, open };
}

const kafka = (id: string) => ({ id, connType: "kafka", host: "h", port: 9092, ...SECRETS });

/** Stored connections and variables, with their key. */
export function testStoredConnections(openDatabase: OpenTestDatabase): void {
  test("a stored connection comes back as it was; the database holds no secret; the key is its owner's alone", async (t) => {
    const { db, key, changed, open } = await setUp(t, openDatabase);
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
    assert.doesNotMatch(await db.contents(), /hunter/);
    assert.deepEqual(changed, ["k"]);
    const audit = await db.query("SELECT at, user_name, action, subject FROM audit_log ORDER BY id");
    assert.deepEqual(
      audit.map((row) => Object.values(row)),
      [
        [7, "ann", "connection.save", "k"],
        [7, "ann", "variable.save", "region"],
      ],
    );
  });

  test("every write has a nonce of its own, and a secret moved to another row does not open", async (t) => {
    const { db, open } = await setUp(t, openDatabase);
    const { connections } = open();
    await connections.create(kafka("a"), null, BY);
    await connections.create(kafka("b"), null, BY);
    const secret = async (id: string) => (await db.query<{ secret: Buffer }>("SELECT secret FROM connection WHERE id = ?", id))[0]!.secret;
    const before = await secret("a");
    await connections.replace(kafka("a"), null, BY);
    assert.notDeepEqual((await secret("a")).subarray(0, 12), before.subarray(0, 12));
    await db.query("UPDATE connection SET secret = ? WHERE id = 'b'", await secret("a"));
    await assert.rejects(connections.get("b"), { code: "SECRET_UNREADABLE", message: /^connection 'b' was stored with another key/ });
  });

  test("a wrong or a missing key is told of the row, which can be deleted; the others are not concerned", async (t) => {
    const { key, open } = await setUp(t, openDatabase);
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
    const { key, open } = await setUp(t, openDatabase);
    writeFileSync(key, "not a key\n");
    await assert.rejects(open().connections.create(kafka("k"), null, BY), {
      code: "SECRET_KEY_INVALID",
      message: /32 bytes in base64, got something else/,
    });
    assert.equal(readFileSync(key, "utf8"), "not a key\n");
  });

  test("the environment goes before what is stored, and is not written", async (t) => {
    const env = { MILLRACE_CONN_SQS_EU: '{"conn_type": "aws"}', AIRFLOW_VAR_REGION: "eu", MILLRACE_CONN_BROKEN: "s3cret" };
    const { open } = await setUp(t, openDatabase, env);
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
    const { open, db } = await setUp(t, openDatabase, env);
    const { connections } = open();
    await connections.create(kafka("sqs-eu"), null, BY);
    env["AIRFLOW_CONN_SQS_EU"] = "aws://";
    assert.equal((await connections.get("sqs-eu")).connType, "aws");
    assert.deepEqual(
      (await connections.list()).map(({ id }) => id),
      ["sqs_eu"],
    );
    await connections.delete("sqs-eu", BY);
    assert.deepEqual(await db.query("SELECT id FROM connection"), []);
  });

  test("what is not there names where it was looked for, and what may be meant", async (t) => {
    const { open } = await setUp(t, openDatabase);
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
}
