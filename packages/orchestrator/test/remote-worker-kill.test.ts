// kill -9 of workers and of the server, under load; what ran is counted outside of Millrace.
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import { allSucceeded, countingDag, startsIn, triggerRuns } from "./counted-runs.ts";
import { findFreePort, makeProject } from "./standalone-process.ts";
import { WorkerProcess } from "./worker-process.ts";

const RUNS = 400;
const KILLS = 3;
const TOKEN = "known to all of them";

async function prepare(t: TestContext) {
  const project = makeProject(t);
  const starts = join(project.folder, "starts.txt");
  project.write("count.ts", countingDag(starts, "await pause(150);"));
  const scheduler = `127.0.0.1:${await findFreePort()}`;
  const args = ["--port", "0", "--worker-port", scheduler.split(":")[1]!, "--local-workers", "0", "--log-level", "warn"];
  const start = () => project.start({ args, environment: { MILLRACE_WORKER_TOKEN: TOKEN } });
  const startWorker = () => new WorkerProcess(t, { schedulers: [scheduler], token: TOKEN, args: ["--slots", "10"] });
  return { project, starts, start, startWorker };
}

test(
  "workers that are killed: their tasks run elsewhere, as the same tries, and each run has one outcome",
  { timeout: 300_000 },
  async (t) => {
    const { project, starts, start, startWorker } = await prepare(t);
    const server = await start();
    let [first, second] = [startWorker(), startWorker()];
    await Promise.all([first.connected(), second.connected()]);
    const triggered = triggerRuns(server, RUNS);
    for (let kills = 1; kills <= KILLS; kills += 1) {
      const before = startsIn(starts).size;
      await eventually(() => assert.ok(startsIn(starts).size > Math.min(before + 30, RUNS - 1)));
      await first.kill();
      [first, second] = [second, startWorker()];
    }
    await triggered;
    await allSucceeded(project, starts, RUNS);
    const again = [...startsIn(starts).values()].filter((times) => times > 1).length;
    t.diagnostic(`${again} of ${RUNS} tasks were started more than once`);
    assert.ok(again < RUNS / 2, "only those that were in the slots of a worker, or on their way, when it was killed");
    assert.equal(await server.stop(), 0);
  },
);

test("a server that is killed: its workers come back to the next one, and each run has one outcome", { timeout: 300_000 }, async (t) => {
  const { project, starts, start, startWorker } = await prepare(t);
  const workers = [startWorker(), startWorker()];
  let made = 0;
  for (let kills = 0; kills <= KILLS; kills += 1) {
    const server = await start();
    await Promise.all(workers.map((worker) => worker.connected(kills + 1)));
    made += (await triggerRuns(server, RUNS / (KILLS + 1))).length;
    if (kills === KILLS) break;
    await eventually(() => assert.ok(startsIn(starts).size >= made - 60));
    await server.kill();
  }
  await allSucceeded(project, starts, RUNS);
  const again = [...startsIn(starts).values()].filter((times) => times > 1).length;
  t.diagnostic(`${again} of ${RUNS} tasks were started more than once`);
  assert.ok(again < RUNS / 2, "only those that were in the workers' slots, or on their way, when the server was killed");
  for (const worker of workers) assert.equal(await worker.stop(), 0);
});
