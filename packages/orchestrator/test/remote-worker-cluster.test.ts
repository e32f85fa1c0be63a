// A worker of several schedulers on one PostgreSQL: it is given the address of one of them.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, findFreePorts, skipWithout } from "@millrace/test-services";
import { countingDag, startsIn } from "./counted-runs.ts";
import { asAdmin, createDatabase } from "./postgres-database.ts";
import { makeProject } from "./standalone-process.ts";
import { WorkerProcess } from "./worker-process.ts";
import { Member } from "../../../chaos/member.ts";

const TOKEN = "known to all of them";
const WITHIN = { withinMs: 60_000 };

test(
  "a worker finds the other scheduler, works for both, and for the one that is left",
  { skip: skipWithout("postgres"), timeout: 240_000 },
  async (t) => {
    const project = makeProject(t);
    const [starts, gate] = [join(project.folder, "starts.txt"), join(project.folder, "gate")];
    project.write("count.ts", countingDag(starts, `while (!existsSync(${JSON.stringify(gate)})) await pause(20);`));
    const url = await createDatabase();
    const [apiPort, ...workerPorts] = await findFreePorts(3);
    const environment = {
      MILLRACE_DAGS_FOLDER: project.dags,
      MILLRACE_DB_URL: url,
      MILLRACE_WORKER_TOKEN: TOKEN,
      MILLRACE_LOCAL_WORKERS: "0",
      MILLRACE_ADMIN_PASSWORD: "secret",
    };
    const members: Member[] = [];
    t.after(() => Promise.all(members.map((member) => member.kill())));
    const start = (name: string, ...args: string[]): Member => {
      const member = new Member({ name, args, folder: project.folder, environment });
      members.push(member);
      member.start();
      return member;
    };
    start("api-server", "api-server", "--port", String(apiPort));
    const [first] = workerPorts.map((port, index) => start(`scheduler-${index}`, "scheduler", "--worker-port", String(port)));
    const worker = new WorkerProcess(t, { schedulers: [`127.0.0.1:${workerPorts[0]}`], token: TOKEN });
    await eventually(() => assert.equal(worker.log.split("connected to a scheduler").length - 1, 2, worker.log), WITHIN);

    const address = `http://127.0.0.1:${apiPort}`;
    const send = async (path: string, body: object, token = ""): Promise<any> => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      const response = await fetch(address + path, { method: "POST", headers, body: JSON.stringify(body) });
      assert.ok(response.ok, `${path}: ${response.status}`);
      return response.json();
    };
    const { access_token: token } = await eventually(() => send("/auth/token", { username: "admin", password: "secret" }), WITHIN);
    for (let run = 0; run < 20; run += 1) {
      await eventually(() => send("/api/v2/dags/count/dagRuns", { logical_date: null }, token), WITHIN);
    }
    await eventually(() => assert.equal(startsIn(starts).size, 20), WITHIN);
    await first!.kill();
    writeFileSync(gate, "");
    await eventually(async () => {
      const [found] = await asAdmin(url, "SELECT count(*) FILTER (WHERE state = 10)::int AS ended, count(*)::int AS runs FROM dag_run");
      assert.deepEqual(found, { ended: 20, runs: 20 });
    }, WITHIN);
    const tries = await asAdmin(url, "SELECT DISTINCT state, try FROM task_instance");
    assert.deepEqual(tries, [{ state: 10, try: 1 }]);
    assert.equal(await worker.stop(), 0);
  },
);
