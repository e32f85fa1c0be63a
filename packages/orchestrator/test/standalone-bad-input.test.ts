// What goes wrong for a newcomer: one clear message each, that says what to do, and everything else goes on.
import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, sharedFauxqs, sharedKafka, skipWithout } from "@millrace/test-services";
import Database from "better-sqlite3";
import { makeProject, type Project, type ServerProcess, type StartOptions } from "./standalone-process.ts";

const HELLO = `import { defineDag } from "@millrace/sdk";\nexport default defineDag("hello", {}, (dag) => { dag.task("t", () => 1); });\n`;
const STACK = /\n {4}at /;

/** Starts a server that cannot start; returns what it says. */
async function refuse(project: Project, options: StartOptions = {}): Promise<{ code: number | string; err: string; out: string }> {
  const server = project.spawn(options);
  const code = await server.exited;
  assert.doesNotMatch(server.err, STACK);
  return { code, err: server.err, out: server.out };
}

async function takePort(t: TestContext): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as { port: number }).port;
}

test("a port in use; a password made up for a start that failed is not lost", async (t) => {
  const project = makeProject(t, { "hello.ts": HELLO });
  const port = await takePort(t);
  const noPassword = { MILLRACE_ADMIN_PASSWORD: "" };
  const { code, err, out } = await refuse(project, { args: ["--port", String(port)], environment: noPassword });
  assert.equal(code, 1);
  assert.equal(
    err,
    `error: expected port ${port} of 127.0.0.1 to be free, but another program listens there\nhint: stop what listens there, or choose another with --port\ncode: PORT_IN_USE\n`,
  );
  assert.equal(out, "");
  const server = await project.start({ environment: noPassword });
  assert.match(server.out, /^The password of admin is \S+ /m);
  const debug = project.spawn({
    args: ["--port", String(port)],
    environment: { MILLRACE_LOG_LEVEL: "debug", MILLRACE_HOME: `${project.home}2` },
  });
  await debug.exited;
  assert.match(debug.err, STACK);
});

test("a dags folder that does not exist", async (t) => {
  const project = makeProject(t);
  const { code, err } = await refuse(project, { args: ["--port", "0", "--dags-folder", "no/such/folder"] });
  assert.equal(code, 1);
  assert.match(
    err,
    /^error: expected a folder of DAG files at '\S+no\/such\/folder', found nothing\nhint: create it, or name another with --dags-folder\ncode: DAGS_FOLDER_MISSING\n$/,
  );
});

test("a database of a newer version is left as it is", async (t) => {
  const project = makeProject(t, { "hello.ts": HELLO });
  await (await project.start()).stop();
  const file = join(project.home, "millrace.db");
  const db = new Database(file);
  db.pragma("user_version = 9999");
  db.prepare("UPDATE meta SET value = '9999' WHERE key = 'compatible_with'").run();
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
  const before = readFileSync(file);
  const { code, err } = await refuse(project);
  assert.equal(code, 1);
  assert.match(
    err,
    /^error: the database '\S+millrace\.db' has schema version 9999, this Millrace knows versions up to \d+\nhint: run the Millrace that wrote it, or a newer one; nothing was changed\ncode: DB_NEWER\n$/,
  );
  assert.deepEqual(readFileSync(file), before);
});

test("a file that is no database is left as it is", async (t) => {
  const project = makeProject(t, { "hello.ts": HELLO });
  const file = join(project.folder, "notes.txt");
  const text = "these are my notes, and they are longer than the header of a database file would be, so that none is seen here\n";
  writeFileSync(file, text, { mode: 0o644 });
  const { code, err } = await refuse(project, { args: ["--port", "0", "--db", `sqlite:${file}`] });
  assert.equal(code, 1);
  assert.match(
    err,
    /^error: expected a SQLite database of Millrace in '\S+notes\.txt': file is not a database\nhint: .+\ncode: DB_UNREADABLE\n$/,
  );
  assert.equal(readFileSync(file, "utf8"), text);
  assert.deepEqual(
    readdirSync(project.folder).filter((name) => name.includes(".lock")),
    [],
  );
});

test("a second server on the same file is refused, and the first goes on", async (t) => {
  const project = makeProject(t, { "hello.ts": HELLO });
  const first = await project.start();
  const { code, err } = await refuse(project);
  assert.equal(code, 1);
  assert.match(
    err,
    /^error: another Millrace server uses the database '\S+millrace\.db'\nhint: stop the other server, or give this one a MILLRACE_HOME of its own\ncode: DB_LOCKED\n$/,
  );
  assert.equal((await first.get("/api/v2/monitor/health")).status, 200);
  assert.match((await project.run(["dags", "list"])).out, /^hello /m, "its server.json is still there");
});

test("a home that cannot be written to", async (t) => {
  const project = makeProject(t, { "hello.ts": HELLO });
  const inTheWay = join(project.folder, "file");
  writeFileSync(inTheWay, "");
  const { code, err } = await refuse(project, { environment: { MILLRACE_HOME: join(inTheWay, "home") } });
  assert.equal(code, 2);
  assert.match(
    err,
    /^error: --home \(MILLRACE_HOME\): expected a folder to write to, got '\S+\/file\/home': ENOTDIR.*\nhint: name a folder that this user may write to\ncode: CONFIG_INVALID\n$/,
  );
});

test("a PostgreSQL that is not there, and an address without a database, whose password is not shown; a folder as the database", async (t) => {
  const project = makeProject(t, { "hello.ts": HELLO });
  const absent = await refuse(project, { environment: { MILLRACE_DB_URL: "postgres://me:s3cret@127.0.0.1:1/millrace" } });
  assert.equal(absent.code, 1);
  assert.match(
    absent.err,
    /^error: expected PostgreSQL at 127\.0\.0\.1:1\/millrace: .*ECONNREFUSED.*\nhint: check that the database server runs, .*\ncode: DB_UNREACHABLE\n$/,
  );
  const unnamed = await refuse(project, { environment: { MILLRACE_DB_URL: "postgres://me:s3cret@127.0.0.1:1" } });
  assert.deepEqual([unnamed.code, unnamed.err.split("\n").at(-2)], [2, "code: DB_URL_UNKNOWN"]);
  assert.doesNotMatch(absent.err + unnamed.err, /s3cret/);
  mkdirSync(join(project.folder, "folder.db"));
  const folder = await refuse(project, { environment: { MILLRACE_DB_URL: "sqlite:folder.db" } });
  assert.deepEqual([folder.code, folder.err.split("\n").at(-2)], [1, "code: DB_UNREADABLE"]);
  assert.deepEqual(
    readdirSync(project.folder).filter((name) => name.includes(".lock")),
    [],
  );
});

test("DAG files with a syntax error and an endless loop are import errors; the others run", async (t) => {
  const project = makeProject(t, {
    "hello.ts": HELLO,
    "syntax.ts": "export const a = 1;\nexport default (;\n",
    "endless.ts": "for (;;);\n",
    "forgotten.ts": HELLO.replace("export default ", "").replace('"hello"', '"forgotten"'),
  });
  const server = await project.start();
  assert.match(server.out, /^DAGs +1 from 2 files, 2 import errors: `millrace dags errors` shows what to do$/m);
  assert.match(server.err, / ERROR: syntax\.ts:2: SYNTAX_ERROR: Unexpected ";" \(correct the line that is named\)/);
  assert.match(
    server.err,
    / ERROR: endless\.ts: IMPORT_RUNNING: the import has not ended after 2 s \(wait for it; if it never ends, look for an endless loop/,
  );
  assert.match(server.err, / WARN: forgotten\.ts: dag 'forgotten' is made but not exported, so it is not loaded: write `export` before it/);
  const errors = await project.run(["dags", "errors"]);
  assert.match(errors.out, /^syntax\.ts:2:17 {2}SYNTAX_ERROR\n {2}Unexpected ";"\n {2}hint: correct the line that is named$/m);
  assert.match(errors.out, /^endless\.ts {2}IMPORT_RUNNING\n/m);
  assert.match((await project.run(["dags", "trigger", "hello", "--wait"])).out, /success/);
  project.write("syntax.ts", HELLO.replace('"hello"', '"mended"'));
  await eventually(async () => assert.match((await project.run(["dags", "list"])).out, /^mended +active/m));
  assert.equal(server.err.match(/endless\.ts: IMPORT_RUNNING/g)?.length, 1, "an error is told once");
  assert.doesNotMatch(server.err, STACK);
});

const NO_SETPRIV = existsSync("/usr/bin/setpriv") ? false : "only setpriv ends a child with a parent that was killed";

test("a server that is killed leaves no DAG file in an endless loop behind", { skip: NO_SETPRIV }, async (t) => {
  const server = await makeProject(t, { "endless.ts": "for (;;);\n" }).start();
  const parent = server.child.pid!;
  const childrenOf = (pid: number): string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  const commandOf = (pid: string): string => (existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, "utf8") : "");
  const looping = childrenOf(parent).filter((pid) => commandOf(pid).includes("evaluate-child"));
  assert.equal(looping.length, 1);
  await server.kill();
  await eventually(() => assert.ok(!commandOf(looping[0]!).includes("evaluate-child")));
});

const onQueue = (id: string, trigger: string, schema = "undefined"): string => `
  import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs"; import { kafkaTrigger } from "@millrace/kafka"; import { z } from "zod";
  const asset = defineAsset("asset_${id}", { schema: ${schema}, watchers: { w: ${trigger} } });
  export default defineDag("${id}", { schedule: asset }, (dag) => { dag.task("t", ({ event }) => event.payload); });\n`;

/** The last error of the watcher of `asset_<id>`. */
async function errorOf(server: ServerProcess, id: string): Promise<string> {
  const { body } = await server.get("/api/v2/watchers");
  return body.watchers.find((watcher: any) => watcher.asset_name === `asset_${id}`).health.last_error ?? "";
}

async function countRuns(server: ServerProcess, dagId: string): Promise<number> {
  return (await server.get(`/api/v2/dags/${dagId}/dagRuns?state=success`)).body.total_entries;
}

test("SQS: an unknown queue, bad connections and an unparsable payload; another DAG's messages still run", async (t) => {
  const sqs = await sharedFauxqs();
  const good = await sqs.createQueue();
  const gone = good.replace(/[^/]+$/, "no-such-queue");
  const schema = "z.object({ n: z.number() })";
  const unset = (connection: string): string => `sqsTrigger({ queueUrl: "${good}-x", connection: "${connection}" })`;
  const project = makeProject(t, {
    "good.ts": onQueue("good", `sqsTrigger({ queueUrl: "${good}" })`, schema),
    "gone.ts": onQueue("gone", `sqsTrigger({ queueUrl: "${gone}" })`),
    "typed.ts": onQueue("typed", unset("postgres")),
    "secretless.ts": onQueue("secretless", unset("secretless").replace("-x", "-y")),
    "missing.ts": onQueue("missing", unset("nowhere").replace("-x", "-z")),
  });
  const { login: _login, password: _password, ...secretless } = sqs.connection();
  const environment = {
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()),
    MILLRACE_CONN_POSTGRES: '{"conn_type":"postgres","host":"db","password":"s3cret"}',
    MILLRACE_CONN_SECRETLESS: JSON.stringify(secretless),
  };
  const server = await project.start({ environment });
  await sqs.send(good, ['{"n":1}', "not json", '{"n":"two"}', '{"n":3}']);
  await eventually(async () => assert.equal(await countRuns(server, "good"), 2));
  const letters = (await server.get("/api/v2/deadLetters")).body.dead_letters as { reason_code: string; reason: string }[];
  assert.deepEqual(letters.map(({ reason_code: code }) => code).toSorted(), ["NOT_JSON", "SCHEMA"]);
  const expected: Readonly<Record<string, RegExp>> = {
    gone: /QUEUE_NOT_FOUND: the queue "\S+no-such-queue" does not exist: create it, or correct/,
    typed: /CONNECTION_INVALID: connection 'postgres': expected conn_type 'aws' or 'sqs' for sqs, got 'postgres'/,
    secretless: /CREDENTIALS_MISSING: expected AWS credentials for the queue \S+, got none \([^)]*\): set login and password/,
    missing: /CONNECTION_NOT_FOUND: connection 'nowhere': expected it in MILLRACE_CONN_NOWHERE or AIRFLOW_CONN_NOWHERE/,
  };
  for (const [id, message] of Object.entries(expected)) {
    await eventually(async () => assert.match(await errorOf(server, id), message));
    assert.equal(server.err.match(new RegExp(` WARN: ${message.source}`, "g"))?.length, 1, `${id} is told once: ${server.err}`);
  }
  assert.match(server.err, /got 'postgres' \(correct the connection's conn_type/);
  assert.doesNotMatch(server.err, STACK);
  assert.doesNotMatch(server.err, /s3cret/);
});

test("Kafka: a wrong password and a missing topic; another DAG's records still run", { skip: skipWithout("kafka") }, async (t) => {
  const kafka = await sharedKafka();
  if (kafka.saslUrl === null) return t.skip("the broker of MILLRACE_TEST_KAFKA_URL has no listener with a login that is known here");
  const topic = await kafka.client.createTopic();
  const trigger = (name: string, connection: string): string =>
    `kafkaTrigger({ topics: ["${name}"], from: "earliest", connection: "${connection}" })`;
  const project = makeProject(t, {
    "good.ts": onQueue("good", trigger(topic, "kafka_default")),
    "denied.ts": onQueue("denied", trigger(topic, "wrong_password")),
    "gone.ts": onQueue("gone", trigger("no-such-topic", "kafka_default")),
  });
  const extra = { "bootstrap.servers": kafka.saslUrl, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN" };
  const connection = (password: string): string =>
    JSON.stringify({ conn_type: "kafka", login: kafka.saslAccount.username, password, extra });
  const environment = {
    MILLRACE_CONN_KAFKA_DEFAULT: connection(kafka.saslAccount.password),
    MILLRACE_CONN_WRONG_PASSWORD: connection("s3cret"),
  };
  const server = await project.start({ environment });
  await kafka.client.produce(topic, ['{"n":1}']);
  await eventually(async () => assert.equal(await countRuns(server, "good"), 1));
  const login = /AUTHENTICATION_FAILED: Kafka at "\S+" refused the login \(.*\): correct sasl\.username, sasl\.password/;
  await eventually(async () => assert.match(await errorOf(server, "denied"), login));
  await eventually(async () =>
    assert.match(await errorOf(server, "gone"), /TOPIC_NOT_FOUND: topic "no-such-topic" does not exist on Kafka at/),
  );
  assert.match(server.err, new RegExp(` WARN: ${login.source}`));
  assert.doesNotMatch(server.err, STACK);
  assert.doesNotMatch(server.err, /s3cret/);
});
