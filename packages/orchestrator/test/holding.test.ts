// What holds messages and events back is told: which trigger is paused since when and why, what a DAG holds; in one process and in many.
import { strict as assert } from "node:assert";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, findFreePorts, sharedFauxqs, skipWithout } from "@millrace/test-services";
import { Member } from "../../../chaos/member.ts";
import { createDatabase } from "./postgres-database.ts";
import { ADMIN_PASSWORD, makeProject, type Project } from "./standalone-process.ts";

const byText = (a: string, b: string): number => a.localeCompare(b);
const WITHIN = { withinMs: 60_000 };
const MESSAGES = Array.from({ length: 10 }, (_, n) => JSON.stringify({ n }));

const dagFile = (
  queue: string,
): string => `import { coalesce, defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
const readings = defineAsset("readings", { watchers: { w: sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 }) } });
export default defineDag("report", { schedule: coalesce(readings) }, (dag) => { dag.task("t", ({ events }) => events.length); });`;

type Call = (method: string, path: string, body?: object) => Promise<any>;

function callsTo(address: () => string): Call {
  let token: string | null = null;
  const call = async (method: string, path: string, body?: object): Promise<any> => {
    const headers = { "content-type": "application/json", ...(token !== null && { authorization: `Bearer ${token}` }) };
    const response = await fetch(address() + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const answer = await response.json();
    assert.ok(response.ok, `${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  return async (method, path, body) => {
    token ??= (await call("POST", "/auth/token", { username: "admin", password: ADMIN_PASSWORD })).access_token;
    return call(method, path, body);
  };
}

async function makeHolding(t: TestContext) {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const project = makeProject(t, { "d.ts": dagFile(queue) });
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_INBOX_LIMIT: "5" };
  return { sqs, queue, project, environment };
}

/** The API says it, and so do the commands that talk to it. */
async function checkHolding(
  call: Call,
  millrace: (...args: readonly string[]) => Promise<string>,
  send: () => Promise<void>,
): Promise<void> {
  await eventually(async () => assert.equal((await call("GET", "/api/v2/watchers")).watchers[0]?.health?.state, "streaming"), WITHIN);
  await call("PATCH", "/api/v2/dags/report", { is_paused: true });
  const since = Date.now();
  let sent = 0;
  await eventually(async () => {
    // Another process tells with its heartbeat that it has no room: what came before that is taken.
    await send();
    sent += 1;
    const { health } = (await call("GET", "/api/v2/watchers")).watchers[0];
    assert.equal(health.state, "paused");
    assert.ok(Date.parse(health.paused_since) >= since);
    assert.match(health.waits_for.join(), /^\d+ events of asset 'readings' wait for DAG 'report' \(limit 5\)$/);
    assert.equal(health.processes.length, 1);
  }, WITHIN);
  assert.match(
    await millrace("watchers", "list"),
    /^readings\.w: paused since 20.*Z: \d+ events of asset 'readings' wait for DAG 'report' \(limit 5\)$/m,
  );
  assert.match(
    await millrace("watchers", "show", "readings.w"),
    /^State +paused\nPaused +paused since 20.*: \d+ events[^]*^Open in +process \d+$/m,
  );
  const { held } = await call("GET", "/api/v2/dags/report");
  assert.ok(held.events >= 5 && Date.parse(held.since) >= since);
  assert.equal(held.reason, "the DAG is paused");
  assert.deepEqual((await call("GET", "/api/v2/dags")).dags[0].held.reason, "the DAG is paused");
  await call("PATCH", "/api/v2/dags/report", { is_paused: false });
  await eventually(async () => {
    const [{ health }] = (await call("GET", "/api/v2/watchers")).watchers;
    assert.deepEqual(
      [health.state, health.paused_since, health.waits_for, health.messages],
      ["streaming", null, [], sent * MESSAGES.length],
    );
    assert.equal((await call("GET", "/api/v2/dags/report")).held, null);
  }, WITHIN);
}

test("SQLite: a paused trigger and a held DAG say since when and why, and go on", async (t) => {
  const { sqs, queue, project, environment } = await makeHolding(t);
  const server = await project.start({ environment });
  const millrace = async (...args: readonly string[]): Promise<string> => (await project.run(args)).out;
  await checkHolding(
    callsTo(() => server.address),
    millrace,
    () => sqs.send(queue, MESSAGES),
  );
  assert.match(
    await millrace("processes", "list"),
    /^\d+ +scheduler\+triggerer\+api-server +\S+ pid \d+ +live +20.* 64 +0 +[1-9]\d* +1 +\d/m,
  );
  const health = (await server.get("/api/v2/monitor/health")).body;
  assert.ok(Date.parse(health.scheduler.latest_scheduler_heartbeat) > 0);
});

test(
  "PostgreSQL: an API server without triggers or workers tells of those of the other processes",
  { skip: skipWithout("postgres") },
  async (t) => {
    const members: Member[] = [];
    // Before the folder that they write to goes.
    t.after(() => Promise.all(members.map((member) => member.kill())));
    const { sqs, queue, project, environment } = await makeHolding(t);
    const [port] = await findFreePorts(1);
    const address = `http://127.0.0.1:${port}`;
    const start = startMembers(members, project, {
      ...environment,
      MILLRACE_DB_URL: await createDatabase(),
      MILLRACE_ADMIN_PASSWORD: ADMIN_PASSWORD,
    });
    start("api-server", { MILLRACE_PORT: String(port) });
    const call = callsTo(() => address);
    await eventually(() => call("GET", "/api/v2/processes"), WITHIN);
    for (const name of ["scheduler", "scheduler-2", "triggerer"]) start(name, {});
    const millrace = async (...args: readonly string[]): Promise<string> => {
      const { access_token: token } = await callsTo(() => address)("POST", "/auth/token", { username: "admin", password: ADMIN_PASSWORD });
      const { code, out, err } = await project.run([...args, "--server", address, "--token", token]);
      assert.equal(code, 0, err);
      return out;
    };
    await eventually(async () => {
      const { processes } = await call("GET", "/api/v2/processes");
      const told: string[] = processes.map((one: any) => [one.roles, one.state, one.shards, one.triggers].join(" "));
      const expected = ["api-server live 0 0", "scheduler live 32 0", "scheduler live 32 0", "triggerer live 0 1"];
      assert.deepEqual(told.toSorted(byText), expected);
      const { workers } = await call("GET", "/api/v2/workers");
      const schedulers = processes.filter((one: any) => one.roles.includes("scheduler")).map((one: any) => one.process_id);
      assert.deepEqual(new Set(workers.map((one: any) => one.process_id)), new Set(schedulers));
      assert.ok(workers.every((one: any) => one.state === "connected"));
    }, WITHIN);
    await checkHolding(call, millrace, () => sqs.send(queue, MESSAGES));
    assert.match(await millrace("processes", "list"), /^\d+ +triggerer +\S+ pid \d+ +live /m);
    const { triggerer } = await call("GET", "/api/v2/monitor/health");
    assert.ok(Date.now() - Date.parse(triggerer.latest_triggerer_heartbeat) < 60_000);
  },
);

function startMembers(members: Member[], project: Project, environment: Readonly<Record<string, string>>) {
  return (name: string, more: Readonly<Record<string, string>>): void => {
    const folder = join(project.folder, name);
    mkdirSync(folder);
    const role = name.replace(/-2$/, "");
    const settings = { ...project.environment, ...environment, ...more, MILLRACE_HOME: join(folder, "home") };
    const member = new Member({ name, args: [role], folder: project.folder, environment: settings });
    members.push(member);
    member.start();
  };
}
