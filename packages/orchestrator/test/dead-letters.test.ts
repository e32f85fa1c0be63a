// Dead letters after a fix: each becomes its events once, stays with its new reason, or is given up.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import Database from "better-sqlite3";
import { startApi } from "./api-harness.ts";
import { SEED } from "./seeded-database.ts";
import { makeProject } from "./standalone-process.ts";

const dagFile = (queue: string, celsius: string, watcher = ""): string => `
import { defineAsset, defineDag } from "@millrace/sdk";
import { sqsTrigger } from "@millrace/sqs";
import { z } from "zod";
const readings = defineAsset("readings", {
  schema: z.object({ sensor: z.string(), celsius: ${celsius} }),
  watchers: { w: { trigger: sqsTrigger({ queueUrl: "${queue}", waitTimeSeconds: 1 }), ${watcher} } },
});
export default defineDag("store", { schedule: readings }, (dag) => { dag.task("t", ({ event }) => event.payload.sensor); });
`;

const HOT = Array.from({ length: 120 }, (_, n) => JSON.stringify({ sensor: `s${n}`, celsius: "hot" }));

/** A server that has stored a dead letter for each message. */
async function startWithLetters(t: TestContext, messages: readonly string[]) {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const project = makeProject(t, { "d.ts": dagFile(queue, "z.number()") });
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) };
  const server = await project.start({ environment });
  await sqs.send(queue, messages);
  const db = new Database(`${project.home}/millrace.db`, { readonly: true });
  t.after(() => void db.close());
  const count = (table: string): unknown => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  await eventually(() => assert.equal(count("dead_letter"), messages.length));
  /** Loads another definition, and waits until it is in force. */
  const redefine = async (celsius: string, watcher = ""): Promise<void> => {
    const version = (): unknown => db.prepare("SELECT value FROM meta WHERE key = 'definitions_version'").pluck().get();
    const before = version();
    project.write("d.ts", dagFile(queue, celsius, watcher));
    await eventually(() => assert.notEqual(version(), before));
  };
  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, out, err } = await project.run(["dead-letters", ...args]);
    assert.equal(code, 0, err);
    return out;
  };
  return { server, project, environment, db, count, redefine, millrace };
}

test("after a fix, dead letters become their events and runs once, however often they are replayed at the same time", async (t) => {
  const { db, count, redefine, millrace } = await startWithLetters(t, [...HOT, "not json", JSON.stringify({ sensor: "x", celsius: null })]);
  assert.match(await millrace("replay", "--all"), /^replayed 0 dead letters: 0 events, 0 runs at once; 122 still do not fit and stayed\n/);
  await redefine("z.number().or(z.string())");

  const rehearsed = await millrace("replay", "--asset", "readings", "--dry-run");
  assert.match(rehearsed, /^would replay 120 dead letters: 120 events, 120 runs at once; 2 still do not fit and would stay\n/);
  assert.deepEqual([count("dead_letter"), count("asset_event")], [122, 0]);

  const answers = await Promise.all([1, 2, 3].map(async () => JSON.parse(await millrace("replay", "--all", "-o", "json"))));
  assert.equal(
    answers.reduce((total, { replayed }) => total + replayed, 0),
    120,
  );
  await eventually(() => assert.equal(db.prepare("SELECT count(*) FROM dag_run WHERE state = 10").pluck().get(), 120));
  assert.deepEqual(["dead_letter", "asset_event", "dag_run", "message_seen"].map(count), [2, 120, 120, 122]);
  // What was told of the message goes with the event.
  const ofMessages =
    "SELECT count(DISTINCT message_id) FROM asset_event WHERE message_id IS NOT NULL AND source_id IS NOT NULL AND trigger_id IS NOT NULL";
  assert.equal(db.prepare(ofMessages).pluck().get(), 120);
  const reasons = db.prepare("SELECT reason_code, reason FROM dead_letter ORDER BY reason_code").raw().all() as [string, string][];
  assert.deepEqual(
    reasons.map(([code]) => code),
    ["NOT_JSON", "SCHEMA"],
  );
  assert.doesNotMatch(reasons[1]![1], /must be number, got/, "the reason is the new schema's");
  const [list, since] = [await millrace("list", "--reason", "not_json", "--since", "1h"), await millrace("list", "--since", "2099-01-01")];
  assert.match(list, /NOT_JSON/);
  assert.doesNotMatch(list, /SCHEMA/);
  assert.equal(since, "no dead letters\n");

  const id = String(db.prepare("SELECT id FROM dead_letter ORDER BY id LIMIT 1").pluck().get());
  assert.equal(await millrace("discard", id, "--dry-run"), "would discard 1 dead letter\n");
  assert.equal(await millrace("discard", id), "discarded 1 dead letter\n");
  assert.equal(await millrace("discard", "--all"), "discarded 1 dead letter\n");
  assert.equal(count("dead_letter"), 0);
  const audit = db.prepare("SELECT DISTINCT action, subject FROM audit_log WHERE action LIKE 'dead_letter%' ORDER BY id").raw().all();
  assert.deepEqual(audit, [
    ["dead_letter.replay", "all"],
    ["dead_letter.discard", id],
    ["dead_letter.discard", "all"],
  ]);
});

test("a replay unwraps, filters and projects as the watcher does now; a filter that fails keeps the letter", async (t) => {
  const messages = ["hot", "cold", "odd"].map((kind) => JSON.stringify({ body: { sensor: kind, ...(kind !== "odd" && { kind }) } }));
  const { db, count, redefine, millrace } = await startWithLetters(t, messages);
  await redefine("z.number()", `where: "payload.body.kind == 'hot'", payload: "{'sensor': payload.body.sensor, 'celsius': 1}"`);
  const answer = JSON.parse(await millrace("replay", "--all", "-o", "json"));
  assert.deepEqual([answer.replayed, answer.dropped, answer.kept, answer.asset_events], [1, 1, 1, 1]);
  assert.match(answer.dead_letters.find(({ outcome }: any) => outcome === "kept").reason, /where failed: .*kind/);
  assert.deepEqual(JSON.parse(String(db.prepare("SELECT payload FROM asset_event").pluck().get())), { sensor: "hot", celsius: 1 });
  assert.equal(count("dead_letter"), 1);
});

test("a server killed in the middle of a replay: the rest is replayed later, and each letter became one event and one run", async (t) => {
  const { server, project, redefine, environment } = await startWithLetters(t, [HOT[0]!]);
  await redefine("z.number().or(z.string())");
  await server.stop();
  const db = new Database(`${project.home}/millrace.db`);
  t.after(() => void db.close());
  db.exec(`WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 4999)
    INSERT INTO dead_letter SELECT id * 2 + n, asset_id, trigger_id, source_id, partition, message_offset, message_id || n, value, message_key, headers, reason_code,
      reason, created_at FROM c, (SELECT * FROM dead_letter)`);
  const count = (table: string, where = "1"): number => db.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get() as number;
  const again = await project.start({ environment });
  const cut = project.run(["dead-letters", "replay", "--all"]);
  await eventually(() => assert.ok(count("asset_event") > 200));
  await again.kill();
  assert.equal((await cut).code, 1);
  const done = count("asset_event");
  assert.ok(done < 5_000, `killed in the middle, at ${done}`);
  assert.equal(count("dead_letter"), 5_000 - done);
  await project.start({ environment });
  const { out, err } = await project.run(["dead-letters", "replay", "--all"]);
  assert.match(out, new RegExp(`^replayed ${5_000 - done} dead letters`), err);
  await eventually(() => assert.equal(count("dag_run", "state = 10"), 5_000));
  assert.deepEqual([count("dead_letter"), count("asset_event"), count("dag_run")], [0, 5_000, 5_000]);
  assert.equal(db.prepare("SELECT count(DISTINCT message_id) FROM asset_event").pluck().get(), 5_000);
});

test("over REST, a selection is one of three, ids must exist, and viewers may not", async (t) => {
  const api = await startApi(t);
  const path = "/api/v2/deadLetters";
  for (const body of [{}, { all: true, asset_id: 1 }]) assert.equal((await api.post(`${path}/replay`, body)).body.code, "BAD_REQUEST");
  const missing = await api.post(`${path}/discard`, { ids: [SEED.deadLetter, 7] });
  assert.deepEqual([missing.status, missing.body.detail], [404, "there is no dead letter with id 7; nothing was done"]);
  const viewer = { authorization: `Bearer ${await api.tokenOf("viewer")}` };
  for (const act of ["replay", "discard"]) assert.equal((await api.post(`${path}/${act}`, { all: true }, viewer)).status, 403);
  const kept = (await api.post(`${path}/replay`, { ids: [SEED.deadLetter] })).body;
  assert.deepEqual([kept.kept, kept.next_after_id, kept.dead_letters[0].id], [1, null, SEED.deadLetter]);
  const empty = (await api.get(`${path}?reason_code=NOTHING`)).body;
  assert.deepEqual(empty, { dead_letters: [], total_entries: 0 });
  assert.deepEqual((await api.post(`${path}/discard`, { asset_id: SEED.readings })).body, {
    dry_run: false,
    discarded: 1,
    next_after_id: null,
  });
  assert.equal((await api.post(`${path}/discard`, { all: true })).body.discarded, 0);
});

test("more dead letters than a request looks at are walked to the end", async (t) => {
  const api = await startApi(t);
  const copy = api.db.prepare(
    `INSERT INTO dead_letter SELECT id + ?, asset_id, trigger_id, source_id, partition, message_offset + ?, message_id, value, message_key, headers,
       reason_code, reason, created_at FROM dead_letter WHERE id = ?`,
  );
  for (let n = 1; n <= 1_029; n += 1) copy.run(n, n, SEED.deadLetter);
  const looked: number[] = [];
  for (let after: object | null = {}; after !== null;) {
    const { body }: { body: any } = await api.post("/api/v2/deadLetters/replay", { all: true, ...after });
    looked.push(body.kept);
    after = body.next_after_id === null ? null : { after_id: body.next_after_id };
  }
  assert.deepEqual(looked, [1_000, 30]);
});
