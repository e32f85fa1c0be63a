// The metadata DB's own commands on PostgreSQL.
import assert from "node:assert/strict";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { skipWithout } from "@millrace/test-services";
import { PostgresPrograms } from "../src/metadata-db/postgres/postgres-program.ts";
import { asAdmin, createDatabase, openTestPostgres } from "./postgres-database.ts";
import { makeProject } from "./standalone-process.ts";

const skip = skipWithout("postgres");

function onDatabase(t: TestContext, url: string) {
  const project = makeProject(t);
  const withPassword = url.replace("postgres@", "postgres:s3cret@");
  const run = async (...args: readonly string[]) => project.run(["db", ...args], { MILLRACE_DB_URL: withPassword });
  const must = async (...args: readonly string[]): Promise<string> => {
    const { code, out, err } = await run(...args);
    assert.equal(code, 0, `${args.join(" ")}: ${err}${out}`);
    assert.doesNotMatch(out + err, /s3cret/);
    return out;
  };
  return { project, run, must };
}

const count = async (url: string, table: string): Promise<unknown> =>
  (await asAdmin(url, `SELECT count(*)::int AS n FROM ${table}`))[0]!["n"];

test("migrate, version and check", { skip }, async (t) => {
  const url = await createDatabase();
  const { run, must } = onDatabase(t, url);
  assert.match(await must("version"), /^Database +127\.0\.0\.1:\d+\/test_[0-9a-f]+\nSchema +0, older/);
  assert.match(
    (await run("check")).err,
    /^error: expected schema version \d+ in '127\.0\.0\.1:\d+\/test_[0-9a-f]+', got 0\nhint: `millrace db migrate`/,
  );
  assert.match(await must("migrate"), /^schema version 0 became \d+$/m);
  assert.match(await must("migrate"), /is the newest: nothing to do$/m);
  assert.match(await must("version"), /^Schema +\d+, current$/m);
  assert.doesNotMatch(await must("check"), /broken/);
  await asAdmin(
    url,
    `INSERT INTO pattern_event (id, shard, dag, event_id, created_at) VALUES (1, 1, 999, 888, 0);
    INSERT INTO task_instance (run_id, task_index, map_index, state, try) SELECT n, 0, 0, 0, 0 FROM generate_series(1, 5) AS n;
    INSERT INTO dead_letter (id, reason_code, reason, created_at) VALUES (40960000, 'X', '', 0)`,
  );
  const { code, out } = await run("check");
  assert.equal(code, 1, out);
  assert.match(out, /^every index is valid +ok$/m);
  assert.match(out, /^every row of task_instance has its run +broken 5 times: 1, 2, 3$/m);
  assert.match(out, /^every event in an inbox is stored +broken 1 times: 888$/m);
  assert.match(out, /^no id comes twice +broken 1 times: 40960000$/m);
  const body = JSON.parse((await run("check", "-o", "json")).out) as { database: string; checks: { name: string; broken: number }[] };
  assert.equal(body.checks.find(({ name }) => name === "every inbox has its DAG")!.broken, 1);
});

test("restore drill: a backup made while rows come in; what it held is back in one state, what was there is kept", { skip }, async (t) => {
  const url = await createDatabase();
  const { project, run, must } = onDatabase(t, url);
  await must("migrate");
  const backup = join(project.folder, "backup.dump");
  // One transaction each: a backup holds as many of the one as of the other.
  const insert = `INSERT INTO source (name) VALUES (gen_random_uuid()::text);
    INSERT INTO dead_letter (id, reason_code, reason, created_at) VALUES (nextval('commit_number') * 4096, 'X', '', 0)`;
  const over = new AbortController();
  const load = (async () => {
    while (!over.signal.aborted) await asAdmin(url, insert);
  })();
  await must("backup", backup);
  over.abort();
  await load;
  await asAdmin(url, insert);
  assert.match((await run("backup", backup)).err, /exists already/);
  assert.deepEqual(
    readdirSync(project.folder).filter((name) => name.startsWith("backup")),
    ["backup.dump"],
  );
  assert.equal(statSync(backup).mode & 0o777, 0o600);

  const server = await openTestPostgres(t, url);
  await server.pool.query("SELECT 1");
  const before = await count(url, "source");
  const refused = await run("restore", backup);
  assert.deepEqual(
    [refused.code, /a Millrace process uses this database: 'millrace test \d+ pool'/.test(refused.err)],
    [1, true],
    refused.err,
  );
  await server.close();
  const kept = /kept as schema (before_restore_\d{14})/.exec(await must("restore", backup))![1]!;
  const held = await count(url, "source");
  assert.ok(Number(held) < Number(before));
  assert.equal(await count(url, "dead_letter"), held);
  assert.equal(await count(url, `${kept}.source`), before);
  assert.doesNotMatch(await must("check"), /broken/);
  await asAdmin(url, insert);
  assert.equal(await count(url, "source"), Number(held) + 1, "sequences go on");
  await openTestPostgres(t, url);
});

test("what is no backup, or of a newer Millrace, is not restored, and what was there stays", { skip }, async (t) => {
  const url = await createDatabase();
  const { project, run, must } = onDatabase(t, url);
  await must("migrate");
  await asAdmin(url, "INSERT INTO source (name) VALUES ('mine')");
  const refused = async (file: string, message: RegExp): Promise<void> => {
    const { code, err } = await run("restore", join(project.folder, file));
    assert.equal(code, 1);
    assert.match(err, message);
    assert.equal(await count(url, "source"), 1);
    assert.deepEqual(await asAdmin(url, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'before_restore%'"), []);
  };
  await refused("nowhere.dump", /there is no file/);
  writeFileSync(join(project.folder, "text.dump"), "no backup");
  await refused("text.dump", /pg_restore failed: .*not appear to be a valid archive/);
  await asAdmin(url, "UPDATE meta SET value = '99' WHERE key IN ('schema_version', 'compatible_with')");
  await must("backup", join(project.folder, "newer.dump"));
  await asAdmin(url, "UPDATE meta SET value = '1' WHERE key IN ('schema_version', 'compatible_with')");
  await refused("newer.dump", /has schema version 99, this Millrace knows versions up to/);
  await asAdmin(url, "CREATE VIEW v AS SELECT name FROM source");
  await must("backup", join(project.folder, "view.dump"));
  // A view of someone's own keeps its name, so the backup cannot make it anew: all is put back.
  await refused("view.dump", /pg_restore failed: .*relation "v" already exists/);
});

test("without pg_dump a backup says what to install", async () => {
  const programs = new PostgresPrograms("postgres://h/d", "/nowhere");
  await assert.rejects(programs.run("pg_no" as "pg_dump", []), {
    code: "DB_UNREADABLE",
    message: /^expected pg_no on the PATH or in/,
    hint: /postgresql-client/,
  });
});

test("a purge without a server takes what is old", { skip }, async (t) => {
  const url = await createDatabase();
  const { must } = onDatabase(t, url);
  await must("migrate");
  await asAdmin(
    url,
    `INSERT INTO dead_letter (id, reason_code, reason, created_at) SELECT n, 'X', '', CASE WHEN n > 1200 THEN ${Date.now()} ELSE n END FROM generate_series(1, 1203) AS n`,
  );
  assert.match(await must("purge", "--older-than", "7d", "--dry-run"), /^1200 +dead_letter$/m);
  assert.match(await must("purge", "--older-than", "7d"), /^1200 +dead_letter$/m);
  assert.equal(await count(url, "dead_letter"), 3);
});
