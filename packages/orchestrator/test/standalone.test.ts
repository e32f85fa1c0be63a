// The server as its users and their scripts meet it: a process, its flags and variables, signals, files and addresses.
import { strict as assert } from "node:assert";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import Database from "better-sqlite3";
import { ADMIN_PASSWORD, BIN, findFreePort, makeProject, type Project, type ServerProcess } from "./standalone-process.ts";

const dag = (id: string, body = '"done"'): string =>
  `import { defineDag } from "@millrace/sdk";\nexport default defineDag("${id}", {}, (dag) => { dag.task("t", async () => ${body}); });\n`;
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("a first start: made-up password shown once, files of the owner alone, a server that commands find", async (t) => {
  const project = makeProject(t, { "hello.ts": dag("hello") });
  const server = await project.start({ environment: { MILLRACE_ADMIN_PASSWORD: "" } });
  const password = /^The password of admin is (\S+) \(made up, and shown only now; MILLRACE_ADMIN_PASSWORD/m.exec(server.out)?.[1] ?? "";
  assert.match(server.out, /^Files +\S+\/home$/m);
  assert.match(server.out, /^DAGs +1 from 1 file$/m);
  assert.match(server.out, /^Next +MILLRACE_HOME=\S+\/home npx millrace dags list$/m);
  for (const path of ["/auth/token", "/auth/token/cli"]) {
    const { status, body } = await server.login(password, path);
    assert.deepEqual([status, typeof body.access_token], [201, "string"]);
  }
  assert.equal((await server.login("another")).status, 401);
  // The first worker may connect a moment later than the server takes runs.
  await eventually(async () => {
    const health = await fetch(`${server.address}/api/v2/monitor/health`);
    const parts = (await health.json()) as Record<string, { status: string }>;
    assert.deepEqual([health.status, Object.values(parts).map(({ status }) => status)], [200, Array.from({ length: 5 }, () => "healthy")]);
  });
  assert.equal((await fetch(`${server.address}/api/v2/dags`)).status, 401);
  const { home } = project;
  assert.deepEqual(
    ["", "server.json", "millrace.db", "millrace.db-wal"].map((file) => modeOf(join(home, file))),
    ["700", "600", "600", "600"],
  );
  assert.match((await project.run(["dags", "list"])).out, /^hello +active /m);
  const triggered = await project.run(["dags", "trigger", "hello", "--wait"]);
  assert.match(triggered.out, /success/);
  assert.equal(await server.stop(), 0);
  assert.ok(!existsSync(join(home, "server.json")));
  assert.match((await project.run(["dags", "list"])).err, /code: SERVER_NOT_RUNNING/);

  const again = await project.start({ environment: { MILLRACE_ADMIN_PASSWORD: "" } });
  assert.doesNotMatch(again.out, /password/);
  assert.equal((await again.login(password)).status, 201);
  await again.stop();
  const overwritten = await project.start();
  assert.equal((await overwritten.login(ADMIN_PASSWORD)).status, 201);
  assert.equal((await overwritten.login(password)).status, 401);
  assert.doesNotMatch(overwritten.out + overwritten.err, new RegExp(ADMIN_PASSWORD));
});

test("settings come by flag or by variable, and a flag wins", async (t) => {
  const project = makeProject(t, { "one.ts": dag("one") });
  const other = join(project.folder, "more");
  mkdirSync(other);
  writeFileSync(join(other, "two.ts"), dag("two"));
  const port = await findFreePort();
  const file = join(project.folder, "by-variable", "my.db");
  const environment = {
    MILLRACE_PORT: String(port),
    MILLRACE_HOST: "127.0.0.1",
    MILLRACE_DB_URL: `sqlite:${file}`,
    MILLRACE_DAGS_FOLDER: [project.dags, other].join(delimiter),
    MILLRACE_LOG_FORMAT: "json",
  };
  const server = await project.start({ args: [], environment });
  assert.equal(server.address, `http://127.0.0.1:${port}`);
  assert.equal(modeOf(file), "600");
  assert.match(server.out, /^DAGs +2 from 2 files$/m);
  for (const line of server.err.trim().split("\n")) assert.equal(typeof JSON.parse(line).message, "string");
  await server.stop();
  const home = join(project.folder, "by-flag");
  const flags = ["--port", "0", "--home", home, "--dags-folder", other, "--db", `sqlite:${join(home, "f.db")}`, "--log-format", "human"];
  const flagged = await project.start({ args: [...flags, "--host", "localhost", "--log-level", "warn"], environment });
  assert.notEqual(flagged.address, server.address);
  assert.match(flagged.out, /^DAGs +1 from 1 file$/m);
  assert.ok(existsSync(join(home, "f.db")) && existsSync(join(home, "server.json")));
  assert.equal(flagged.err, "");
});

test("a server without DAG files says where they belong", async (t) => {
  const project = makeProject(t);
  assert.match((await project.start()).out, /^DAGs +0 from 0 files\nNext +write a DAG file into \S+\/dags$/m);
});

test("health is 503 until runs can start, and needs no token", async (t) => {
  const project = makeProject(t, { "slow.ts": "await new Promise((resolve) => setTimeout(resolve, 60_000));\n", "hello.ts": dag("hello") });
  const port = await findFreePort();
  const server = project.spawn({ args: ["--port", String(port)] });
  const statuses = new Set<number>();
  await eventually(async () => {
    const { status } = await fetch(`http://127.0.0.1:${port}/api/v2/monitor/health`);
    statuses.add(status);
    assert.equal(status, 200);
  });
  assert.deepEqual([...statuses], [503, 200]);
  await server.ready();
  assert.match(server.out, /1 import error: `millrace dags errors` shows what to do/);
});

/** A DAG whose task says that it has begun, and ends when it is told to. */
const GATED = (folder: string): string =>
  dag(
    "gated",
    `{ const fs = await import("node:fs"); fs.writeFileSync("${folder}/begun", ""); while (!fs.existsSync("${folder}/gate")) await new Promise((resolve) => setTimeout(resolve, 10)); return "drained"; }`,
  );

async function startGatedRun(project: Project, server: ServerProcess): Promise<void> {
  await server.post("/api/v2/dags/gated/dagRuns", { logical_date: null });
  await eventually(() => assert.ok(existsSync(join(project.folder, "begun"))));
}

test("SIGTERM to all its processes drains: the task under way finishes, its result is stored, and the exit code is 0", async (t) => {
  const project = makeProject(t);
  project.write("gated.ts", GATED(project.folder));
  const server = await project.start({ isGroup: true });
  await startGatedRun(project, server);
  // As a service manager does: every process, and not just once.
  process.kill(-server.child.pid!, "SIGTERM");
  await eventually(() => assert.match(server.err, /SIGTERM: finishing what is under way, at most 30000 ms/));
  process.kill(-server.child.pid!, "SIGTERM");
  await eventually(() => assert.equal(server.err.match(/SIGTERM: finishing/g)?.length, 2));
  assert.equal((await fetch(`${server.address}/api/v2/monitor/health`)).status, 503, "it still answers");
  writeFileSync(join(project.folder, "gate"), "");
  assert.equal(await server.exited, 0, server.err);
  const db = new Database(join(project.home, "millrace.db"), { readonly: true });
  t.after(() => db.close());
  const row = db.prepare("SELECT r.state, t.value FROM dag_run r JOIN task_instance t ON t.run_id = r.id").get() as { value: Buffer };
  assert.deepEqual({ ...row, value: String(row.value) }, { state: 10, value: '"drained"' });
});

test("a second SIGINT ends at once", async (t) => {
  const project = makeProject(t);
  project.write("gated.ts", GATED(project.folder));
  const server = await project.start();
  await startGatedRun(project, server);
  server.child.kill("SIGINT");
  await eventually(() => assert.match(server.err, /SIGINT: finishing what is under way/));
  server.child.kill("SIGINT");
  assert.equal(await server.exited, 130);
});

/** The first Node of this machine that is not the pinned one's major version; null where there is none. */
function findOtherNode(): string | null {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/local/bin"];
  const isOther = (node: string): boolean =>
    existsSync(node) &&
    !execFileSync(node, ["--version"])
      .toString()
      .startsWith(`v${process.versions.node.split(".")[0]}.`);
  return folders.map((folder) => join(folder, "node")).find(isOther) ?? null;
}

const otherNode = findOtherNode();
const skip = otherNode === null ? "there is no Node of another major version on this machine" : false;

test("the command started by another Node goes on under the pinned one, and signals reach the server", { skip }, async (t) => {
  const project = makeProject(t, { "hello.ts": dag("hello", "process.version") });
  const link = join(project.folder, "millrace");
  symlinkSync(BIN, link);
  const version = execFileSync(otherNode!, [link, "--version"]).toString();
  assert.match(version, /^\d+\.\d+\.\d+\n$/);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const server = await project.start({ node: otherNode! });
    await server.post("/api/v2/dags/hello/dagRuns", { dag_run_id: signal, logical_date: null });
    await eventually(async () => {
      const { body } = await server.get(`/api/v2/dags/hello/dagRuns/${signal}`);
      assert.equal(body.state, "success");
    });
    const { pid } = JSON.parse(readFileSync(join(project.home, "server.json"), "utf8")) as { pid: number };
    assert.notEqual(pid, server.child.pid);
    server.child.kill(signal);
    assert.equal(await server.exited, 0);
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  }
  const failing = spawn(otherNode!, [link, "dags", "list"], { env: { ...project.environment } });
  assert.equal(await new Promise((resolve) => failing.once("exit", resolve)), 1);
});

test("a saved file is live within a second, and the watcher of another file goes on undisturbed", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const watched = `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
    const a = defineAsset("a", { watchers: { w: sqsTrigger({ queueUrl: "${queue}" }) } });
    export default defineDag("watched", { schedule: a }, (dag) => { dag.task("t", ({ event }) => event.payload); });\n`;
  const project = makeProject(t, { "watched.ts": watched, "edited.ts": dag("edited") });
  const server = await project.start({ environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) } });
  assert.match(server.out, /^Watcher +a\.w \(sqs, aws_default\): (connecting|streaming)$/m);
  const healthOf = async (): Promise<{ state: string; reconnects: number; messages: number }> =>
    (await server.get("/api/v2/watchers")).body.watchers[0].health;
  await sqs.send(queue, ['"before"']);
  await eventually(async () => assert.deepEqual((await healthOf()).messages, 1));
  const tasksOf = async (): Promise<string[]> =>
    (await server.get("/api/v2/dags/edited/tasks")).body.tasks.map((task: any) => task.task_id);
  assert.deepEqual(await tasksOf(), ["t"]);
  const savedAt = performance.now();
  project.write("edited.ts", dag("edited").replace('"t"', '"renamed"'));
  await eventually(async () => assert.deepEqual(await tasksOf(), ["renamed"]));
  t.diagnostic(`live after ${Math.round(performance.now() - savedAt)} ms`);
  await sqs.send(queue, ['"after"']);
  await eventually(async () => {
    const { state, reconnects, messages } = await healthOf();
    assert.deepEqual({ state, reconnects, messages }, { state: "streaming", reconnects: 0, messages: 2 });
  });
  assert.equal(server.err.match(/streaming/g)?.length, 1, "its stream was opened once");
});

const FAULTY_PROVIDER = `export const provider = { name: "faulty", connTypes: ["faulty"], destinations: {}, triggers: { faulty: {
  params: {}, sharing: "competing", canonical: () => "", queues: () => [],
  open: () => new Promise(() => setTimeout(() => { throw new Error("nobody waits for this"); }, 0)),
} } };\n`;

test("a fault ends the server with one line and exit code 1", async (t) => {
  const project = makeProject(t, {
    "package.json": '{ "dependencies": { "faulty": "1" } }',
    "node_modules/faulty/package.json": '{ "name": "faulty", "type": "module", "millrace": { "provider": "./provider.js" } }',
    "node_modules/faulty/provider.js": FAULTY_PROVIDER,
    "faulty.ts": `import { defineAsset, defineDag } from "@millrace/sdk";
      const a = defineAsset("a", { watchers: { w: { kind: "faulty", connection: "faulty_default", params: {} } } });
      export default defineDag("faulty", { schedule: a }, (dag) => { dag.task("t", () => 1); });\n`,
  });
  const server = project.spawn({ environment: { MILLRACE_CONN_FAULTY_DEFAULT: '{"conn_type":"faulty"}', MILLRACE_LOG_LEVEL: "error" } });
  assert.equal(await server.exited, 1);
  assert.match(
    server.err,
    /^\S+ ERROR: INTERNAL: a fault ended the server: Error: nobody waits for this, at .*provider\.js:3:\d+\)? \(.*\)\n$/,
  );
  const again = await project.start();
  assert.match(again.err, /CONNECTION_NOT_FOUND: connection 'faulty_default': expected it in MILLRACE_CONN_FAULTY_DEFAULT/);
  assert.equal(await again.stop(), 0);
});
