// P3 and P5 by counting, for DAGs whose events wait: kill -9 of the whole process group while they are folded, held and limited.
import { strict as assert } from "node:assert";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, startFauxqs } from "@millrace/test-services";
import Database from "better-sqlite3";
import { makeProject, type ServerProcess } from "./standalone-process.ts";

const MESSAGES = 1_200;
const KILLS = 6;
const WITHIN_MS = 120_000;
/** All but the last take every event of `numbers` once. */
const DAGS = ["direct", "limited", "gathered", "paused", "twice"];

const dagFile = (numbers: string, others: string): string => `
import { all, any, coalesce, defineAsset, defineDag, each } from "@millrace/sdk";
import { sqsTrigger } from "@millrace/sqs";
const numbers = defineAsset("numbers", { watchers: { w: sqsTrigger({ queueUrl: ${JSON.stringify(numbers)}, waitTimeSeconds: 1 }) } });
const others = defineAsset("others", { watchers: { w: sqsTrigger({ queueUrl: ${JSON.stringify(others)}, waitTimeSeconds: 1 }) } });
const one = (dag) => { dag.task("t", () => 1); };
export const direct = defineDag("direct", { schedule: numbers }, one);
export const limited = defineDag("limited", { schedule: numbers, maxActiveRuns: 3 }, one);
export const gathered = defineDag("gathered", { schedule: coalesce(numbers) }, one);
export const paused = defineDag("paused", { schedule: numbers }, one);
export const twice = defineDag("twice", { schedule: any([each(numbers), all([numbers, others])]), maxActiveRuns: 20 }, one);
export const joined = defineDag("joined", { schedule: [numbers, others] }, one);
`;

const TAKEN = `SELECT g.dag_id AS dag, r.part, e.event_id FROM dag_run r JOIN dag g ON g.id = r.dag
  JOIN (SELECT run_id, event_id FROM dag_run_event UNION ALL SELECT id, event_id FROM dag_run WHERE event_id IS NOT NULL) e ON e.run_id = r.id
  JOIN asset_event v ON v.id = e.event_id JOIN asset a ON a.id = v.asset_id AND a.name = 'numbers'`;

async function setPaused(server: ServerProcess, isPaused: boolean): Promise<void> {
  const { status } = await server.patch("/api/v2/dags/paused", { is_paused: isPaused });
  assert.equal(status, 200);
}

test("six kills: every event is taken once by each pattern, or waits", { timeout: 400_000 }, async (t) => {
  const sqs = await startFauxqs({ persistence: true });
  t.after(() => sqs.stop());
  const [numbers, others] = [await sqs.createQueue({ attributes: { VisibilityTimeout: "3" } }), await sqs.createQueue()];
  const project = makeProject(t, { "d.ts": dagFile(numbers, others) });
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()), MILLRACE_LOG_LEVEL: "error" };
  const file = join(project.home, "millrace.db");
  const one = (sql: string): unknown => {
    const db = new Database(file, { readonly: true });
    try {
      return db.prepare(sql).pluck().get();
    } finally {
      db.close();
    }
  };
  const values = Array.from({ length: MESSAGES }, (_, n) => String(n));
  const share = MESSAGES / KILLS;
  let server = await project.start({ environment, isGroup: true });
  for (let killed = 0; killed < KILLS; killed += 1) {
    await setPaused(server, killed % 2 === 0);
    const sent = sqs.send(numbers, values.slice(killed * share, (killed + 1) * share));
    if (killed % 3 === 1) await sqs.send(others, [String(killed)]);
    const some = killed * share + randomInt(1, share);
    await eventually(() => assert.ok(Number(one("SELECT count(*) FROM asset_event")) >= some), { withinMs: WITHIN_MS });
    if (killed % 2 === 0) await setPaused(server, false);
    process.kill(-server.child.pid!, "SIGKILL");
    await Promise.all([server.exited, sent]);
    t.diagnostic(`killed with ${String(one("SELECT count(*) FROM pattern_event"))} events that wait`);
    server = await project.start({ environment, isGroup: true });
  }
  await setPaused(server, false);
  await eventually(
    () => assert.equal(one("SELECT count(*) FROM asset_event JOIN asset a ON a.id = asset_id AND a.name = 'numbers'"), MESSAGES),
    {
      withinMs: WITHIN_MS,
    },
  );
  await sqs.send(others, ["last"]);
  await eventually(
    () => assert.deepEqual([one("SELECT count(*) FROM dag_run WHERE state < 10"), one("SELECT count(*) FROM pattern_event")], [0, 0]),
    { withinMs: WITHIN_MS },
  );
  assert.equal(await server.stop(), 0);

  for (const dag of DAGS) {
    const own = `FROM (${TAKEN}) WHERE dag = '${dag}'${dag === "twice" ? " AND part = '0'" : ""}`;
    assert.deepEqual([one(`SELECT count(*) ${own}`), one(`SELECT count(DISTINCT event_id) ${own}`)], [MESSAGES, MESSAGES], dag);
  }
  for (const own of ["dag = 'joined'", "dag = 'twice' AND part = '1'"]) {
    const rows = `FROM (${TAKEN}) WHERE ${own}`;
    assert.deepEqual([one(`SELECT count(*) ${rows}`), one(`SELECT count(DISTINCT event_id) ${rows}`)], [MESSAGES, MESSAGES], own);
  }
  assert.equal(one("SELECT count(*) FROM dag_run WHERE state <> 10"), 0, "every run succeeded");
  const undecided = `SELECT count(*) FROM asset_event e CROSS JOIN dag g JOIN asset a ON a.id = e.asset_id AND a.name = 'numbers'
    WHERE g.dag_id IN ('limited', 'gathered', 'joined', 'twice') AND NOT EXISTS
    (SELECT 1 FROM event_decision d WHERE d.event_id = e.id AND d.dag = g.id AND d.run_id IS NOT NULL)`;
  assert.equal(one(undecided), 0, "every event names its run (P3)");
});
