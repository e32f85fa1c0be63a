// A worker at the other end of a network that is cut, or stands still.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import { allSucceeded, countingDag, startsIn, triggerRuns } from "./counted-runs.ts";
import { makeProject } from "./standalone-process.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { REMOTE_ONLY, workerAddress, WorkerProcess, workerToken } from "./worker-process.ts";

/** One run whose task, on a worker behind a proxy, waits for `open`. */
async function startRun(t: TestContext) {
  const project = makeProject(t);
  const [starts, gate] = [join(project.folder, "starts.txt"), join(project.folder, "gate")];
  const wait = `try { while (!existsSync(${JSON.stringify(gate)})) await pause(20, undefined, { signal }); }
    finally { appendFileSync(${JSON.stringify(`${starts}.ends`)}, run.id + " " + process.ppid + "\\n"); }`;
  project.write("count.ts", countingDag(starts, wait));
  const server = await project.start({ args: REMOTE_ONLY });
  const proxy = await TcpProxy.start(t, workerAddress(server));
  const token = workerToken(project);
  const worker = new WorkerProcess(t, { schedulers: [proxy.address], token });
  await worker.connected();
  await triggerRuns(server, 1);
  const started = async (times: number): Promise<void> => eventually(() => assert.deepEqual([...startsIn(starts).values()], [times]));
  const ended = async (times: number): Promise<void> =>
    eventually(() => assert.deepEqual([...startsIn(`${starts}.ends`).values()], [times]));
  await started(1);
  return { project, server, proxy, worker, token, starts, open: () => writeFileSync(gate, ""), started, ended };
}

test("a connection that is reset: the task goes on, and its result counts", async (t) => {
  const { project, proxy, worker, starts, open, started } = await startRun(t);
  proxy.drop();
  await worker.connected(2);
  open();
  await allSucceeded(project, starts, 1);
  await started(1);
});

test("a result that was under way when the network was cut is offered again", async (t) => {
  const { project, proxy, worker, starts, open, started, ended } = await startRun(t);
  proxy.freeze();
  open();
  await ended(1);
  proxy.drop();
  proxy.thaw();
  await worker.connected(2);
  await allSucceeded(project, starts, 1);
  await started(1);
});

test("a network that stands still: after ten seconds the task runs elsewhere, and one outcome counts", { timeout: 120_000 }, async (t) => {
  const { project, server, proxy, worker, token, starts, open, started, ended } = await startRun(t);
  const other = new WorkerProcess(t, { schedulers: [workerAddress(server)], token });
  await other.connected();
  proxy.freeze();
  await started(2);
  assert.match(server.err, /a worker is cut off: nothing was heard from it for 10 s/);
  await eventually(() => assert.match(worker.log, /the connection to a scheduler is lost: nothing was heard from it for 10 s/));
  proxy.drop();
  proxy.thaw();
  await worker.connected(2);
  // Told that nobody waits for it, the first worker has aborted its signal.
  await ended(1);
  assert.match(worker.log, /tasks are ended: the scheduler does not wait for them any more/);
  open();
  await allSucceeded(project, starts, 1);
  await started(2);
});
