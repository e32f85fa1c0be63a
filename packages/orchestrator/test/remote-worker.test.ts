// `millrace worker` and a server as their users start them: processes that share nothing but a socket.
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { makeCertificates } from "../../test-services/src/certificates.ts";
import { makeProject, type Project, type ServerProcess } from "./standalone-process.ts";
import { REMOTE_ONLY, workerAddress, WorkerProcess, workerToken } from "./worker-process.ts";

const DAG = `import { defineDag } from "@millrace/sdk";
export default defineDag("d", {}, (dag) => { dag.task("where", () => process.ppid); });`;

/** The result of the only task of DAG d's newest run. */
async function resultOf(server: ServerProcess, run: string): Promise<unknown> {
  return (await server.get(`/api/v2/dags/d/dagRuns/${run}/taskInstances/where/xcomEntries/return_value`)).body.value;
}

async function trigger(server: ServerProcess): Promise<string> {
  return (await server.post("/api/v2/dags/d/dagRuns", { logical_date: null })).body.dag_run_id;
}

async function succeeded(server: ServerProcess, run: string): Promise<void> {
  await eventually(async () => assert.equal((await server.get(`/api/v2/dags/d/dagRuns/${run}`)).body.state, "success"));
}

async function workersOf(server: ServerProcess): Promise<any[]> {
  return (await server.get("/api/v2/workers")).body.workers;
}

test("a message becomes a run on another machine, which publishes; code, connections and variables come over the socket", async (t) => {
  const sqs = await sharedFauxqs();
  const [queue, replies] = [await sqs.createQueue(), await sqs.createQueue()];
  const connection = sqs.connection() as { password: string };
  const project = makeProject(t, {
    "d.ts": `import { defineAsset, defineDag } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { factor } from "./factor.ts";
const readings = defineAsset<"readings", { n: number }>("readings", { watchers: { w: sqsTrigger({ queueUrl: "${queue}" }) } });
const replies = sqsQueue({ queueUrl: "${replies}" });
export default defineDag("d", { schedule: readings }, (dag) => {
  const double = dag.task("double", async ({ event, log, connection, variable }) => {
    const { password } = await connection("aws_default");
    log.info("secret " + password, { color: await variable("color") });
    return event.payload.n * factor;
  });
  dag.task("reply", { needs: { double } }, ({ double, publish }) => publish(replies, { n: double, pid: process.ppid }));
});`,
    "factor.ts": "export const factor = 2;",
  });
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(connection), MILLRACE_VAR_COLOR: "purple" };
  const server = await project.start({ args: REMOTE_ONLY, environment });
  const token = workerToken(project);
  assert.equal((statSync(join(project.home, "worker.token")).mode & 0o777).toString(8), "600");
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token });
  await sqs.send(queue, [JSON.stringify({ n: 21 })]);
  const [reply] = await eventually(async () => {
    const messages = await sqs.receive(replies);
    assert.equal(messages.length, 1);
    return messages;
  });
  assert.deepEqual(JSON.parse(reply!.Body!), { n: 42, pid: worker.child.pid });
  const [file] = readdirSync(join(worker.home, "bundles"));
  const text = readFileSync(join(worker.home, "bundles", file!));
  assert.equal(`${createHash("sha256").update(text).digest("hex")}.mjs`, file);
  const log = (await project.run(["tasks", "logs", "d", "latest", "double"])).out;
  assert.match(log, /secret \*\*\* .*"color":"\*\*\*"/);
  assert.ok(!(worker.log + server.err).includes(connection.password));
  const [shown, ...more] = await workersOf(server);
  assert.deepEqual([shown.state, shown.pid, shown.slots, shown.reason, more.length], ["connected", worker.child.pid, 256, null, 0]);
  assert.match((await project.run(["workers", "list"])).out, new RegExp(`^${shown.worker_id} .* connected .* 0 of 256`, "m"));
  assert.equal(await worker.stop(), 0);
  assert.deepEqual(await workersOf(server), []);
  assert.equal(await server.stop(), 0);
});

test("local workers and those of other machines share the work; a task with a process to itself has one there, too", async (t) => {
  const project = makeProject(t, {
    "d.ts": `import { defineDag } from "@millrace/sdk";
export default defineDag("d", {}, (dag) => {
  dag.task("where", async () => { await new Promise((r) => setTimeout(r, 200)); return process.ppid; });
  dag.task("alone", { isolation: "process" }, () => process.pid);
});`,
  });
  const server = await project.start({ args: ["--port", "0", "--worker-port", "0", "--local-workers", "1"] });
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token: workerToken(project) });
  await worker.connected();
  const runs = [await trigger(server)];
  runs.push(...(await Promise.all(Array.from({ length: 19 }, () => trigger(server)))));
  for (const run of runs) await succeeded(server, run);
  const places = new Set(await Promise.all(runs.map((run) => resultOf(server, run))));
  assert.deepEqual(places, new Set([server.child.pid, worker.child.pid]));
});

test("a worker whose project has other packages is not given its tasks, says so, and takes them once it has them", async (t) => {
  const project = makeProject(t, { "d.ts": DAG });
  writeFileSync(join(project.folder, "package-lock.json"), '{"lockfileVersion": 3}');
  const server = await project.start({ args: REMOTE_ONLY });
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token: workerToken(project) });
  await worker.connected();
  const run = await trigger(server);
  const sentence = `LOCKFILE_MISMATCH: expected the lockfile [0-9a-f]{12} for d\\.ts, got none in ${worker.project} on .*; bring it the server's lockfile and run npm ci in ${worker.project}`;
  await eventually(async () => assert.match((await workersOf(server))[0].reason, new RegExp(sentence)));
  assert.match(worker.log, new RegExp(sentence));
  assert.match(server.err, new RegExp(sentence));
  assert.match((await project.run(["workers", "list"])).out, new RegExp(sentence));
  const again = await trigger(server);
  assert.equal((await server.get(`/api/v2/dags/d/dagRuns/${again}`)).body.state, "queued");
  copyFileSync(join(project.folder, "package-lock.json"), join(worker.project, "package-lock.json"));
  for (const id of [run, again]) await succeeded(server, id);
  assert.equal(server.err.split("LOCKFILE_MISMATCH").length, 2, "said once");
  assert.equal(worker.log.split("has packages of the project as it was before").length, 2, "its one process was replaced");
});

test("tasks that no worker may take do not hold up a stop", async (t) => {
  const project = makeProject(t, { "d.ts": DAG });
  writeFileSync(join(project.folder, "package-lock.json"), "{}");
  const server = await project.start({ args: [...REMOTE_ONLY, "--drain", "10m"] });
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token: workerToken(project) });
  await worker.connected();
  const run = await trigger(server);
  await eventually(async () => assert.match((await workersOf(server))[0].reason, /LOCKFILE_MISMATCH/));
  assert.equal(await server.stop(), 0);
  rmSync(join(project.folder, "package-lock.json"));
  const next = await project.start({ args: ["--port", "0"] });
  await succeeded(next, run);
});

test("a wrong token: the worker ends with 1 and says why, the server says who was refused, and nothing runs", async (t) => {
  const project = makeProject(t, { "d.ts": DAG });
  const server = await project.start({ args: REMOTE_ONLY });
  const run = await trigger(server);
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token: "not the server's token" });
  assert.equal(await worker.exited, 1);
  assert.match(worker.log, /^error: the scheduler at \S+ refused this worker: the worker's token is not this scheduler's$/m);
  assert.match(worker.log, /^code: WORKER_TOKEN_WRONG$/m);
  await eventually(() => assert.match(server.err, /a worker was refused: WORKER_TOKEN_WRONG: .*"from":"127\.0\.0\.1"/));
  assert.equal((await server.get(`/api/v2/dags/d/dagRuns/${run}`)).body.state, "queued");
});

test("a worker that cannot start says what it lacks", async (t) => {
  const cases: readonly [Partial<ConstructorParameters<typeof WorkerProcess>[1]>, RegExp][] = [
    [{}, /expected the schedulers' token in MILLRACE_WORKER_TOKEN or in '.*worker\.token', got none/],
    [{ schedulers: [], token: "x".repeat(16) }, /--scheduler \(MILLRACE_SCHEDULERS\): expected the address of a scheduler, got none/],
    [{ schedulers: ["localhost"], token: "x".repeat(16) }, /expected addresses like host:8793 or tls:\/\/host:8793, .* got 'localhost'/],
    [{ token: "short" }, /MILLRACE_WORKER_TOKEN: expected a text of at least 16 characters, .* got something else/],
    [{ token: "x".repeat(16), args: ["--project", "/nowhere"] }, /--project \(MILLRACE_PROJECT\): expected a folder, got '\/nowhere'/],
    [{ token: "x".repeat(16), args: ["--tls-ca", "/nowhere"] }, /--tls-ca \(MILLRACE_TLS_CA\): expected a PEM file at '\/nowhere'/],
    [{ token: "x".repeat(16), args: ["--processes", "0"] }, /--processes \(MILLRACE_WORKER_PROCESSES\): expected an integer from 1 to 256/],
  ];
  for (const [start, message] of cases) {
    const worker = new WorkerProcess(t, { schedulers: ["127.0.0.1:1"], ...start });
    assert.equal(await worker.exited, 2, worker.log);
    assert.match(worker.log, message);
  }
});

test("a server that cannot take workers says what it lacks, and warns where values travel in the clear", async (t) => {
  const project = makeProject(t, { "d.ts": DAG });
  const failing: readonly [readonly string[], RegExp][] = [
    [
      ["--local-workers", "0"],
      /--local-workers \(MILLRACE_LOCAL_WORKERS\): expected --worker-port beside '0', got none: tasks would run nowhere/,
    ],
    [["--local-workers", "2", "--max-workers", "3"], /expected it without --min-workers and --max-workers/],
    [
      ["--worker-port", "0", "--worker-tls-cert", "c.pem"],
      /--worker-tls-key \(MILLRACE_WORKER_TLS_KEY\): expected it beside --worker-tls-cert, got none/,
    ],
    [["--worker-port", "0", "--worker-tls-cert", "/no", "--worker-tls-key", "/no"], /--worker-tls-cert: expected a PEM file at '\/no'/],
  ];
  for (const [args, message] of failing) {
    const { code, err } = await project.run(["standalone", "--port", "0", ...args]);
    assert.equal(code, 2, err);
    assert.match(err, message);
  }
  const server = await project.start({ args: ["--port", "0", "--worker-port", "0", "--worker-host", "0.0.0.0"] });
  assert.match(
    server.err,
    /workers reach '0\.0\.0\.0' without TLS: tasks, their results and the values of connections travel in the clear/,
  );
  assert.ok(existsSync(join(project.home, "worker.token")));
});

test("over TLS: a worker that trusts the authority works, one that does not says why, one without TLS gets no work", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const { ca, otherCa } = await makeCertificates(folder);
  const project: Project = makeProject(t, { "d.ts": DAG });
  const tls = ["--worker-tls-cert", join(folder, "server.crt"), "--worker-tls-key", join(folder, "server.key")];
  const server = await project.start({ args: [...REMOTE_ONLY, "--worker-host", "127.0.0.1", ...tls] });
  assert.match(server.out, /^Workers +connect to \S+ with TLS; their token: /m);
  const port = workerAddress(server).split(":").at(-1)!;
  const token = workerToken(project);
  const run = await trigger(server);
  const stranger = new WorkerProcess(t, { schedulers: [`localhost:${port}`], token, args: ["--tls-ca", otherCa] });
  await eventually(() => assert.match(stranger.log, /no connection to a scheduler: .*--tls-ca names the file of the authority/));
  const other = new WorkerProcess(t, { schedulers: [`tls://127.0.0.1:${port}`], token, environment: { MILLRACE_TLS_CA: ca } });
  await eventually(() => assert.match(other.log, /no connection to a scheduler: .*altnames/));
  const plain = new WorkerProcess(t, { schedulers: [`localhost:${port}`], token });
  await eventually(() => assert.match(server.err, /a worker was refused: WORKER_TLS/), { withinMs: 60_000 });
  assert.equal((await server.get(`/api/v2/dags/d/dagRuns/${run}`)).body.state, "queued");
  const worker = new WorkerProcess(t, { schedulers: [`localhost:${port}`], token, args: ["--tls-ca", ca] });
  await succeeded(server, run);
  assert.equal(await resultOf(server, run), worker.child.pid);
  for (const refused of [stranger, other, plain]) assert.doesNotMatch(refused.log, /connected to a scheduler/);
});

test("a worker of two servers runs what both have, each with its own code", async (t) => {
  const projects = [1, 2].map((n) => makeProject(t, { "d.ts": DAG.replace("process.ppid", `[${n}, process.ppid]`) }));
  const environment = { MILLRACE_WORKER_TOKEN: "one token for all of them" };
  const servers = await Promise.all(projects.map((project) => project.start({ args: REMOTE_ONLY, environment })));
  const schedulers = servers.map(workerAddress);
  // The first one a second time, under another name: one connection is enough.
  const alias = schedulers[0]!.replace("127.0.0.1", "localhost");
  const worker = new WorkerProcess(t, { schedulers: [...schedulers, alias], token: environment.MILLRACE_WORKER_TOKEN });
  for (const [index, server] of servers.entries()) {
    for (let round = 0; round < 3; round += 1) {
      const run = await trigger(server);
      await succeeded(server, run);
      assert.deepEqual(await resultOf(server, run), [index + 1, worker.child.pid]);
    }
    assert.equal((await workersOf(server)).length, 1);
  }
  assert.equal(worker.log.split("connected to a scheduler").length - 1, 2, worker.log);
});
