import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "@millrace/test-services";
import { allSucceeded, countingDag, startsIn, triggerRuns } from "./counted-runs.ts";
import { makeProject } from "./standalone-process.ts";
import { REMOTE_ONLY, workerAddress, WorkerProcess, workerToken } from "./worker-process.ts";

const RUNS = 300;

test("a worker that is stopped under load finishes what it has; no task is lost, none starts twice", async (t) => {
  const project = makeProject(t);
  const starts = join(project.folder, "starts.txt");
  project.write("count.ts", countingDag(starts, "await pause(300);"));
  const server = await project.start({ args: REMOTE_ONLY });
  const start = { schedulers: [workerAddress(server)], token: workerToken(project), args: ["--slots", "20"] };
  const first = new WorkerProcess(t, start);
  await first.connected();
  const triggered = triggerRuns(server, RUNS);
  await eventually(() => assert.ok(startsIn(starts).size > 40));
  const second = new WorkerProcess(t, start);
  await second.connected();
  await eventually(() => assert.ok(startsIn(starts).size > 100));
  assert.equal(await first.stop(), 0);
  await triggered;
  await allSucceeded(project, starts, RUNS);
  assert.deepEqual(
    [...startsIn(starts).values()].filter((times) => times !== 1),
    [],
  );
  assert.equal(await second.stop(), 0);
  assert.equal(await server.stop(), 0);
});

test("what does not end within the drain time starts again elsewhere at once, as the same try", async (t) => {
  const project = makeProject(t);
  const [starts, gate] = [join(project.folder, "starts.txt"), join(project.folder, "gate")];
  project.write("count.ts", countingDag(starts, `while (!existsSync(${JSON.stringify(gate)})) await pause(20);`));
  const server = await project.start({ args: REMOTE_ONLY });
  const start = { schedulers: [workerAddress(server)], token: workerToken(project) };
  const first = new WorkerProcess(t, { ...start, args: ["--drain", "200ms"] });
  await first.connected();
  const [run] = await triggerRuns(server, 1);
  await eventually(() => assert.equal(startsIn(starts).get(run!), 1));
  const second = new WorkerProcess(t, start);
  await second.connected();
  assert.equal(await first.stop(), 0);
  assert.match(first.log, /tasks still ran at the end of the drain time/);
  // Within the ten seconds for which one that is only cut off is waited for.
  await eventually(() => assert.equal(startsIn(starts).get(run!), 2), { withinMs: 8_000 });
  writeFileSync(gate, "");
  await allSucceeded(project, starts, 1);
});

test("Ctrl-C twice ends a worker at once, and the processes that it started", async (t) => {
  const project = makeProject(t);
  const starts = join(project.folder, "starts.txt");
  project.write("count.ts", countingDag(starts, "await pause(600_000);"));
  const server = await project.start({ args: REMOTE_ONLY });
  const worker = new WorkerProcess(t, { schedulers: [workerAddress(server)], token: workerToken(project) });
  await worker.connected();
  await triggerRuns(server, 1);
  await eventually(() => assert.equal(startsIn(starts).size, 1));
  worker.child.kill("SIGINT");
  await eventually(() => assert.match(worker.log, /SIGINT: finishing the tasks that run/));
  // `exited` waits for all who hold the worker's standard error, its processes too.
  assert.equal(await worker.stop("SIGINT"), 130);
});
