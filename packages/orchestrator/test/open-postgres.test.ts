import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout, startPgbouncer, startPostgres } from "@millrace/test-services";
import { openPostgresReader } from "../src/metadata-db/postgres/open-postgres-reader.ts";
import { PostgresRunner } from "../src/metadata-db/postgres/postgres-runner.ts";
import { SqlAccountStore } from "../src/metadata-db/stores/account-store.ts";
import { SqlAuditLog } from "../src/metadata-db/stores/audit-log.ts";
import { all, execute, first } from "../src/metadata-db/sql-script.ts";
import { asAdmin, createDatabase, openTestPostgres, sharedPostgres } from "./postgres-database.ts";

const skip = skipWithout("postgres");

const refused = async (t: TestContext, url: string, error: { code: string; message: RegExp; hint?: RegExp }): Promise<void> => {
  const { code, message, hint = /./ } = error;
  await assert.rejects(openTestPostgres(t, url), (thrown: Error & { code: string; hint: string }) => {
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, message);
    assert.match(thrown.hint, hint);
    assert.doesNotMatch(`${thrown.message} ${thrown.hint}`, /s3cret/);
    assert.ok(thrown.cause !== undefined || code === "DB_UNSUITABLE" || code === "DB_NEWER");
    return true;
  });
};

test("what cannot be reached or logged in to is refused with its reason, and no password is shown", { skip }, async (t) => {
  const { port } = await sharedPostgres();
  const closed = createServer().listen(0, "127.0.0.1");
  const free = await new Promise<number>((resolve) => closed.once("listening", () => resolve((closed.address() as { port: number }).port)));
  await new Promise((resolve) => closed.close(resolve));
  await refused(t, `postgres://me:s3cret@127.0.0.1:${free}/x`, {
    code: "DB_UNREACHABLE",
    message: /^expected PostgreSQL at 127\.0\.0\.1:\d+\/x: .*ECONNREFUSED/,
  });
  await refused(t, `postgres://me:s3cret@no-such-host.invalid/x`, { code: "DB_UNREACHABLE", message: /no-such-host\.invalid:5432\/x: / });
  const name = `no_${randomBytes(4).toString("hex")}`;
  await refused(t, `postgres://postgres:s3cret@127.0.0.1:${port}/${name}`, {
    code: "DB_REFUSED",
    message: new RegExp(`^expected a database of that name at 127\\.0\\.0\\.1:${port}/${name}: database "${name}" does not exist$`),
    hint: /CREATE DATABASE/,
  });
  await refused(t, `postgres://nobody_here:s3cret@127.0.0.1:${port}/postgres`, {
    code: "DB_REFUSED",
    message: /^expected to log in at .*"nobody_here" does not exist/,
  });
  await refused(t, `postgres://postgres:s3cret@127.0.0.1:${port}/postgres?sslmode=verify-full`, {
    code: "DB_REFUSED",
    message: /^expected a TLS connection at .* does not support SSL/,
  });
});

test("a server or database that cannot keep the promises is refused, and nothing is changed in it", { skip }, async (t) => {
  const tables = async (url: string) => asAdmin(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
  const latin = await createDatabase("ENCODING 'LATIN1' TEMPLATE template0");
  await refused(t, latin, {
    code: "DB_UNSUITABLE",
    message: /^expected a database with encoding UTF8 at .*, got 'LATIN1'$/,
    hint: /TEMPLATE template0/,
  });
  const url = await createDatabase();
  const name = new URL(url).pathname.slice(1);
  await asAdmin(url, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await refused(t, url, { code: "DB_UNSUITABLE", message: /got a read-only one$/ });
  await refused(t, `${url}?options=-c%20synchronous_commit%3Doff%20-c%20default_transaction_read_only%3Doff`, {
    code: "DB_UNSUITABLE",
    message: /^expected synchronous_commit=on at .*, got 'off'$/,
  });
  assert.deepEqual(await tables(url), []);
  const shared = await createDatabase();
  await asAdmin(shared, "CREATE TABLE asset (id int)");
  await refused(t, shared, {
    code: "DB_UNSUITABLE",
    message: /^expected a database of Millrace's own at .*relation "asset" already exists$/,
  });
  assert.deepEqual(await tables(shared), [{ tablename: "asset" }]);
});

test("a user without the right to make tables is told whose right it is", { skip }, async (t) => {
  const url = await createDatabase();
  const user = `guest_${randomBytes(4).toString("hex")}`;
  await asAdmin(url, `CREATE ROLE ${user} LOGIN PASSWORD 's3cret'; REVOKE CREATE ON SCHEMA public FROM public`);
  const asGuest = url.replace("postgres@", `${user}:s3cret@`);
  await refused(t, asGuest, {
    code: "DB_REFUSED",
    message: /^expected the rights that Millrace needs at .*permission denied for schema public$/,
    hint: /OWNER TO/,
  });
  await openTestPostgres(t, url);
  await refused(t, asGuest, { code: "DB_REFUSED", message: /permission denied for table meta$/ });
});

test("several that start at once migrate once, and all come up", { skip }, async (t) => {
  const url = await createDatabase();
  const opened = await Promise.all(Array.from({ length: 6 }, async () => openTestPostgres(t, url)));
  const instances = await Promise.all(
    opened.map(async ({ pool }) => (await pool.query("SELECT value FROM meta WHERE key = 'instance'")).rows[0]),
  );
  assert.equal(new Set(instances.map(({ value }) => value)).size, 1);
  assert.deepEqual(await asAdmin(url, "SELECT count(*)::int AS n FROM shard"), [{ n: 64 }]);
});

test("a newer schema is refused where it says that this version no longer fits, and used where it says it does", { skip }, async (t) => {
  const url = await createDatabase();
  await openTestPostgres(t, url);
  await asAdmin(
    url,
    "UPDATE meta SET value = '9999' WHERE key = 'schema_version'; UPDATE meta SET value = '9998' WHERE key = 'compatible_with'",
  );
  await refused(t, url, {
    code: "DB_NEWER",
    message: /has schema version 9999, which needs a Millrace of version 9998, this Millrace knows versions up to \d+$/,
  });
  await asAdmin(url, "UPDATE meta SET value = '1' WHERE key = 'compatible_with'");
  await openTestPostgres(t, url);
});

test("sessions commit to disk, are named, and ids come back as numbers, or not at all", { skip }, async (t) => {
  const url = await createDatabase();
  const { pool, makeClient } = await openTestPostgres(t, url).then((database) => ({
    pool: database.pool,
    makeClient: database.makeClient.bind(database),
  }));
  const state =
    "SELECT current_setting('synchronous_commit') AS commit, current_setting('application_name') AS name, 9007199254740991 AS id";
  const client = makeClient("commit", { pipeline: true });
  await client.connect();
  t.after(() => client.end());
  const [pooled, own] = await Promise.all([pool.query(state), client.query(state)]);
  const role = `millrace test ${process.pid}`;
  assert.deepEqual(pooled.rows, [{ commit: "on", name: `${role} pool`, id: 2 ** 53 - 1 }]);
  assert.deepEqual(own.rows, [{ commit: "on", name: `${role} commit`, id: 2 ** 53 - 1 }]);
  await assert.rejects(pool.query("SELECT 9007199254740992 AS id"), /expected an integer below 2\^53/);
});

test("a transaction is all or nothing, and is tried again where another was in its way", { skip }, async (t) => {
  const database = await openTestPostgres(t, await createDatabase());
  const runner = new PostgresRunner(database.pool, database.address);
  await runner.run(() => execute("CREATE TABLE account (id bigint PRIMARY KEY, n bigint)"));
  await runner.run(() => execute("INSERT INTO account VALUES (1, 0), (2, 0), (3, 0)"));
  const failing = runner.transaction(function* () {
    yield* execute("UPDATE account SET n = 9");
    throw new Error("no");
  });
  await assert.rejects(failing, { message: "no" });
  // Both have their first row when they are let on to the other's.
  const gate = database.makeClient("gate");
  await gate.connect();
  t.after(() => gate.end());
  await gate.query("BEGIN; UPDATE account SET n = 0 WHERE id = 3");
  let tries = 0;
  const addBoth = async (from: number, to: number) =>
    runner.transaction(function* () {
      tries += 1;
      yield* execute("UPDATE account SET n = n + 1 WHERE id = ?", from);
      yield* execute("SELECT n FROM account WHERE id = 3 FOR SHARE");
      yield* execute("UPDATE account SET n = n + 1 WHERE id = ?", to);
    });
  const both = Promise.all([addBoth(1, 2), addBoth(2, 1)]);
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await eventually(async () => assert.equal((await database.pool.query(waiting)).rowCount, 2));
  await gate.query("COMMIT");
  await both;
  assert.equal(tries, 3);
  assert.deepEqual(await runner.run(() => all("SELECT n FROM account ORDER BY id")), [{ n: 2 }, { n: 2 }, { n: 0 }]);
});

test("the server dies under a transaction and idle connections: the query says so, the next works once it is back", { skip }, async (t) => {
  const server = await sharedPostgres();
  const database = await openTestPostgres(t, await createDatabase());
  const runner = new PostgresRunner(database.pool, database.address);
  const client = database.makeClient("commit");
  await client.connect();
  await Promise.all([1, 2, 3].map(async () => runner.run(() => first("SELECT pg_sleep(0.01)"))));
  const cut = runner.transaction(function* () {
    yield* execute("INSERT INTO meta VALUES ('cut', '')");
    yield* execute("SELECT pg_sleep(60)");
  });
  const isRefused = assert.rejects(cut, { code: "DB_UNREACHABLE" });
  await eventually(async () =>
    assert.equal(
      (await asAdmin(server.url(), "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()")).length,
      1,
    ),
  );
  await server.kill();
  await isRefused;
  await assert.rejects(
    runner.run(() => first("SELECT 1 AS n")),
    { code: "DB_UNREACHABLE" },
  );
  const reads = openPostgresReader(database);
  await assert.rejects(reads.dags.find("d"), { code: "DB_UNREACHABLE", status: 503 });
  await server.start();
  await eventually(async () => assert.deepEqual(await runner.run(() => all("SELECT key FROM meta WHERE key = 'cut'")), []));
  assert.equal(await reads.dags.find("d"), null);
});

test("a pool address that leads to another database is refused", { skip }, async (t) => {
  const url = await createDatabase();
  const other = await createDatabase();
  await assert.rejects(openTestPostgres(t, url, { poolUrl: other }), {
    code: "DB_UNSUITABLE",
    message: /MILLRACE_DB_POOL_URL\), got another$/,
  });
  const same = await openTestPostgres(t, url, { poolUrl: url });
  assert.equal((await same.pool.query("SELECT 1")).rowCount, 1);
});

test(
  "reads and small writes go through pgbouncer in transaction mode, many over one connection",
  { skip: skip || skipWithout("pgbouncer") },
  async (t) => {
    const server = await sharedPostgres();
    const pgbouncer = await startPgbouncer(server);
    t.after(() => pgbouncer.stop());
    const url = await createDatabase();
    const database = await openTestPostgres(t, url, { poolUrl: pgbouncer.url(new URL(url).pathname.slice(1)) });
    const runner = new PostgresRunner(database.pool, database.address);
    const reads = openPostgresReader(database);
    const audit = new SqlAuditLog(runner);
    const accounts = new SqlAccountStore(runner);
    const names = Array.from({ length: 40 }, (_, n) => `n${n}`);
    await Promise.all(
      names.map(async (name, at) => {
        await accounts.save({ name, passwordHash: "h", role: "viewer" }, at);
        await audit.record({ userName: name, at }, "account.save", name);
        assert.equal((await accounts.find(name))?.name, name);
        assert.equal((await reads.audit.list({ userName: name }, { limit: 10, offset: 0, order: "ascending" })).total, 1);
      }),
    );
    const pids = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE '%pool' AND datname = current_database()";
    assert.deepEqual(await asAdmin(url, pids), [{ n: 1 }]);
  },
);

test("fsync=off is refused", { skip }, async (t) => {
  const server = await startPostgres();
  t.after(() => server.stop());
  await refused(t, server.url(), {
    code: "DB_UNSUITABLE",
    message: /^expected fsync=on at 127\.0\.0\.1:\d+\/postgres, got 'off'$/,
    hint: /power cut/,
  });
});
