import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { loadConfig, OPTIONS } from "./config.ts";

test("defaults are those of the contract for scripts", () => {
  const config = loadConfig({});
  assert.equal(config.home, resolve(".millrace"));
  assert.deepEqual(config.dagsFolders, [resolve("dags")]);
  assert.deepEqual(config.database, { kind: "sqlite", file: resolve(".millrace/millrace.db") });
  assert.deepEqual([config.host, config.port, config.adminPassword], ["127.0.0.1", 8080, null]);
  assert.deepEqual([config.logLevel, config.logFormat, config.drainMs, config.backlogLimit], ["info", "human", 30_000, 10_000]);
  assert.equal(config.minWorkers, 1);
  assert.ok(config.maxWorkers >= 2);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.dagsFolders));
});

test("the environment is read, and flags win over it", () => {
  const env = { MILLRACE_HOME: "/h", MILLRACE_DAGS_FOLDER: "/a:/b", MILLRACE_PORT: "9", MILLRACE_DRAIN: "2m", MILLRACE_DAG_ENV: "A, B" };
  const config = loadConfig(env, { port: "10" });
  assert.deepEqual(config.dagsFolders, ["/a", "/b"]);
  assert.deepEqual([config.port, config.drainMs], [10, 120_000]);
  assert.deepEqual(config.database, { kind: "sqlite", file: join("/h", "millrace.db") });
  assert.deepEqual(config.dagEnv, ["A", "B"]);
  assert.deepEqual(loadConfig(env, { dagsFolder: ["/c", "/d", "/c"] }).dagsFolders, ["/c", "/d"]);
  assert.equal(loadConfig({ MILLRACE_PORT: "" }).port, 8080);
});

const bad: readonly [name: string, env: Record<string, string>, message: RegExp][] = [
  ["port", { MILLRACE_PORT: "http" }, /^--port \(MILLRACE_PORT\): expected an integer from 0 to 65535, got 'http'$/],
  ["port range", { MILLRACE_PORT: "65536" }, /got '65536'/],
  ["log level", { MILLRACE_LOG_LEVEL: "loud" }, /expected one of debug, info, warn, error, got 'loud'/],
  ["drain", { MILLRACE_DRAIN: "30" }, /expected a duration like 500ms, 30s, 2m, got '30'/],
  ["workers", { MILLRACE_MIN_WORKERS: "5", MILLRACE_MAX_WORKERS: "3" }, /expected at most the greatest number of workers, 3, got '5'/],
  ["DAG environment", { MILLRACE_DAG_ENV: "A=B" }, /^MILLRACE_DAG_ENV: expected names of environment variables/],
];
for (const [name, env, message] of bad) {
  test(`a bad ${name} is refused by the option's name`, () => assert.throws(() => loadConfig(env), { code: "CONFIG_INVALID", message }));
}

test("what is kept is bounded unless told otherwise", () => {
  const { retentionMs, retentionRows } = loadConfig({});
  assert.deepEqual([retentionMs, retentionRows], [30 * 86_400_000, 10_000_000]);
  assert.equal(loadConfig({ MILLRACE_RETENTION: "off" }).retentionMs, Number.POSITIVE_INFINITY);
  assert.equal(loadConfig({ MILLRACE_RETENTION: "off" }, { retention: "12h" }).retentionMs, 43_200_000);
  const message = /--retention \(MILLRACE_RETENTION\): expected a duration like 12h, 30d, or off, got 'never'/;
  assert.throws(() => loadConfig({ MILLRACE_RETENTION: "never" }), { code: "CONFIG_INVALID", message });
});

test("database addresses", () => {
  assert.deepEqual(loadConfig({ MILLRACE_DB_URL: "sqlite:x/y.db" }).database, { kind: "sqlite", file: resolve("x/y.db") });
  assert.deepEqual(loadConfig({}, { db: "sqlite:///tmp/y.db" }).database, { kind: "sqlite", file: "/tmp/y.db" });
  const url = "postgres://me:s3cret@db/x";
  assert.deepEqual(loadConfig({}, { db: url }).database, { kind: "postgres", url, poolUrl: null });
  const socket = "postgresql://me@/x?host=/run/postgresql";
  const pooled = loadConfig({ MILLRACE_DB_URL: socket, MILLRACE_DB_POOL_URL: url }).database;
  assert.deepEqual(pooled, { kind: "postgres", url: socket, poolUrl: url });
  const refused = (db: string, message: RegExp) => assert.throws(() => loadConfig({}, { db }), { code: "DB_URL_UNKNOWN", message });
  refused(
    "postgres://me:s3cret@db",
    /^expected an address like postgres:\/\/USER:PASSWORD@HOST:PORT\/DATABASE, got one without a database$/,
  );
  refused("postgres://me:s3/cret@db:a/x", /DATABASE, got one that is no URL$/);
  const env = { MILLRACE_DB_URL: url, MILLRACE_DB_POOL_URL: "pgbouncer:6432" };
  assert.throws(() => loadConfig(env), { code: "DB_URL_UNKNOWN", message: /^MILLRACE_DB_POOL_URL: expected an address like/ });
  refused("mysql://me:s3cret@db/x", /^[^@]*'mysql:'$/);
  refused("millrace.db", /without a scheme/);
  refused("sqlite::memory:", /keeps its events on disk/);
});

test("every flag and variable is named once", () => {
  const names = Object.values(OPTIONS).flatMap(({ flag, variable }) =>
    [flag ?? variable, variable].filter((name, i) => i === 0 || flag !== null),
  );
  assert.equal(new Set(names).size, names.length);
});

test("a secret key is 32 bytes in base64; one that is not is refused without being shown", () => {
  const text = Buffer.alloc(32, 7).toString("base64");
  assert.deepEqual(loadConfig({ MILLRACE_SECRET_KEY: text }).secretKey, Buffer.alloc(32, 7));
  assert.equal(loadConfig({}).secretKey, null);
  for (const wrong of ["s3cret", text.slice(4), `${text}AAAA`]) {
    assert.throws(() => loadConfig({ MILLRACE_SECRET_KEY: wrong }), {
      code: "CONFIG_INVALID",
      message: "MILLRACE_SECRET_KEY: expected 32 bytes in base64, as `openssl rand -base64 32` prints them, got something else",
    });
  }
});
