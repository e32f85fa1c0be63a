// Stored events are decided once more: by whom, how often, and what of a replay that is cut off.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout } from "@millrace/test-services";
import Database from "better-sqlite3";
import { Client } from "pg";
import { createDatabase } from "./postgres-database.ts";
import { makeProject, type Project } from "./standalone-process.ts";

const dags = (schedules: Readonly<Record<string, string>>): string => `
import { all, any, coalesce, defineAsset, defineDag, each } from "@millrace/sdk";
const a = defineAsset("a"); const b = defineAsset("b");
${Object.entries(schedules)
  .map(
    ([id, schedule]) =>
      `export const ${id} = defineDag("${id}", { schedule: ${schedule} }, (dag) => { dag.task("t", ({ events }) => events); });`,
  )
  .join("\n")}`;

type Query = (sql: string) => Promise<readonly Record<string, any>[]>;

interface Open {
  readonly environment: Record<string, string>;
  readonly query: (t: TestContext, project: Project) => Query;
}

const onSqlite: Open = {
  environment: {},
  query: (t, project) => {
    const db = new Database(`${project.home}/millrace.db`, { readonly: true });
    t.after(() => void db.close());
    return async (sql) => db.prepare(sql).all() as Record<string, any>[];
  },
};

async function onPostgres(): Promise<Open> {
  const url = await createDatabase();
  const query = (t: TestContext): Query => {
    const client = new Client({ connectionString: url });
    const connected = client.connect();
    t.after(() => client.end());
    return async (sql) => {
      await connected;
      const { rows } = await client.query<Record<string, any>>(sql);
      return rows.map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, /^\d+$/.test(String(value)) ? Number(value) : value])),
      );
    };
  };
  return { environment: { MILLRACE_DB_URL: url }, query };
}

async function start(t: TestContext, { environment, query }: Open, schedules: Readonly<Record<string, string>>) {
  const project = makeProject(t, { "d.ts": dags(schedules) });
  const server = await project.start({ environment });
  const ask = query(t, project);
  const count = async (sql: string): Promise<number> => (await ask(`SELECT count(*) AS n FROM ${sql}`))[0]!["n"];
  const millrace = async (...args: readonly string[]): Promise<string> => {
    const { code, out, err } = await project.run(["events", ...args]);
    assert.equal(code, 0, err);
    return out;
  };
  const replay = async (...args: readonly string[]): Promise<any> => JSON.parse(await millrace("replay", ...args, "-o", "json"));
  const emit = async (asset: string, ...payloads: readonly unknown[]): Promise<number[]> => {
    const ids: number[] = [];
    for (const payload of payloads) ids.push((await server.post("/api/v2/assets/events", { name: asset, payload })).body.id);
    return ids;
  };
  const runsOf = (dag: string): Promise<number> => count(`dag_run r JOIN dag g ON g.id = r.dag WHERE r.state = 10 AND g.dag_id = '${dag}'`);
  const redefine = async (next: Readonly<Record<string, string>>): Promise<void> => {
    const version = async (): Promise<number> => (await ask("SELECT value FROM meta WHERE key = 'definitions_version'"))[0]!["value"];
    const before = await version();
    project.write("d.ts", dags(next));
    await eventually(async () => assert.notEqual(await version(), before));
  };
  return { project, server, ask, count, millrace, replay, emit, runsOf, redefine, environment };
}

const ofDag = (answer: any, dag: string): any => answer.dags.find(({ dag_id: id }: any) => id === dag);

for (const { name, skip, open } of [
  { name: "SQLite", skip: false as const, open: async () => onSqlite },
  { name: "PostgreSQL", skip: skipWithout("postgres"), open: onPostgres },
]) {
  test(
    `${name}: each, coalesce and all take replayed events; a DAG that is not subscribed any more is skipped, and said`,
    { skip },
    async (t) => {
      const at = await start(t, await open(), {
        one: `each(a, { where: "payload > 1.0" })`,
        some: "coalesce(a)",
        both: "all([a, b])",
        gone: "a",
      });
      const [first, second, third] = await at.emit("a", 1, 2, 3);
      await eventually(async () => assert.deepEqual([await at.runsOf("one"), await at.runsOf("gone")], [2, 3]));
      await eventually(async () => assert.equal(await at.count("pattern_event"), 3, "both waits for b"));
      await at.redefine({ one: `each(a, { where: "payload > 0.0" })`, some: "coalesce(a)", both: "all([a, b])", later: "a" });

      const rehearsed = await at.replay("--asset", "a", "--only-without-run", "--dry-run");
      assert.deepEqual(
        rehearsed.dags.map(({ dag_id, events, with_run, not_subscribed }: any) => [dag_id, events, with_run, not_subscribed]),
        [
          ["both", 0, 3, 0],
          ["gone", 0, 0, 3],
          ["later", 3, 0, 0],
          ["one", 1, 2, 0],
          ["some", 0, 3, 0],
        ],
      );
      assert.equal(await at.count("event_decision WHERE replay_id > 0"), 0, "a dry run stores nothing");

      const done = await at.replay("--asset", "a", "--only-without-run");
      assert.deepEqual([ofDag(done, "later").events, ofDag(done, "one").events], [3, 1]);
      await eventually(async () => assert.deepEqual([await at.runsOf("later"), await at.runsOf("one")], [3, 3]));
      const again = await at.replay("--asset", "a", "--only-without-run");
      assert.equal(ofDag(again, "later").events + ofDag(again, "one").events, 0, "all have a run now");

      const before = await at.runsOf("some");
      await at.replay(String(first), String(second), "--dag", "some");
      await eventually(async () => assert.ok((await at.runsOf("some")) > before));
      await at.replay("--all", "--where", `event.id == ${third} && asset == 'a' && payload == 3`, "--dag", "both");
      await at.emit("b", 9);
      await eventually(async () => assert.equal(await at.runsOf("both"), 1));
      const legs = await at.ask(
        "SELECT e.event_id, leg FROM dag_run_event e JOIN dag_run r ON r.id = e.run_id JOIN dag g ON g.id = r.dag WHERE g.dag_id = 'both' ORDER BY leg, e.event_id",
      );
      assert.deepEqual(
        legs.filter(({ leg }) => leg === 0).map(({ event_id: id }) => id),
        [first, second, third],
        "one that waited and was replayed is there once",
      );

      const explained = await at.millrace("explain", String(third));
      assert.match(explained, /^both: started run .*\nboth: started run .* \(replayed at 20.*, replay \d+\)$/m);
      assert.match(explained, /^later: started run .* \(replayed at 20.*Z, replay \d+\)$/m);
      const [entry] = (await at.server.get("/api/v2/eventLogs?event=asset_event.replay&limit=1")).body.event_logs;
      assert.equal(entry.event, "asset_event.replay");
      assert.equal(await at.count("pattern_event"), 0);
    },
  );

  test(`${name}: a paused DAG holds what is replayed, and an id that was used adds nothing`, { skip }, async (t) => {
    const at = await start(t, await open(), { one: "a" });
    await at.emit("a", 1, 2);
    await eventually(async () => assert.equal(await at.runsOf("one"), 2));
    await at.server.patch("/api/v2/dags/one?update_mask=is_paused", { is_paused: true });
    const done = await at.replay("--all", "--replay-id", "77");
    assert.equal(ofDag(done, "one").events, 2);
    const again = await at.replay("--all", "--replay-id", "77");
    assert.deepEqual([ofDag(again, "one").events, ofDag(again, "one").repeated], [0, 2]);
    assert.equal(await at.count("pattern_event WHERE replay_id = 77"), 2);
    assert.match(await at.millrace("explain", "latest"), /^one: is held, since the DAG is paused \(replayed at /m);
    await at.server.patch("/api/v2/dags/one?update_mask=is_paused", { is_paused: false });
    await eventually(async () => assert.equal(await at.runsOf("one"), 4));
    const late = await at.replay("--all", "--replay-id", "77");
    assert.deepEqual([ofDag(late, "one").events, ofDag(late, "one").repeated], [0, 2], "decided meanwhile");
  });
}

test("what is asked for wrongly is refused with its place; what --where cannot be computed on is left out, and said", async (t) => {
  const at = await start(t, onSqlite, { one: "a" });
  await at.emit("a", { n: 1 }, "text");
  const fails = async (...args: readonly string[]): Promise<string> => {
    const { code, err } = await at.project.run(["events", "replay", ...args]);
    assert.notEqual(code, 0);
    return err;
  };
  assert.match(
    await fails("--all", "--where", "payload.n > > 1"),
    /CEL expression that is true or false, got 'payload\.n > > 1': Unexpected token[^]*\^[^]*payload, headers, key, asset and event/,
  );
  assert.match(await fails("--all", "--where", "n == 1"), /Unknown variable: n/);
  assert.match(await fails("--all", "--where", "'x'"), /it is a string/);
  assert.match(await fails(), /expected ids of events, --asset, --since, or --all alone, got none of them/);
  assert.match(await fails("--all", "--asset", "a"), /got --all beside them/);
  assert.match(await fails("4711"), /there is no asset event with id 4711; nothing was done/);
  assert.match(await fails("--all", "--dag", "onee"), /no DAG 'onee' is loaded[^]*one/);
  assert.match(await fails("--all", "--replay-id", "x"), /--replay-id: expected the id/);
  const answer = await at.replay("--all", "--where", "payload.n == 1");
  assert.deepEqual([answer.selected, answer.failed, ofDag(answer, "one").events], [1, 1, 1]);
  assert.match(answer.failure, /^event \d+: /);
  const { body } = await at.server.post("/api/v2/dags/one/dagRuns", { logical_date: null, payload: 5 });
  assert.ok(body.dag_run_id);
  assert.equal((await at.replay("--all", "--where", "payload == 5", "--dry-run")).of_one_run, 1, "an event by hand is its run's alone");
});

test("a server killed in the middle of a replay: the rest follows under its id, and each event has one more run", async (t) => {
  const at = await start(t, onSqlite, { one: "a" });
  await at.emit("a", 0);
  await eventually(async () => assert.equal(await at.runsOf("one"), 1));
  await at.server.stop();
  const db = new Database(`${at.project.home}/millrace.db`);
  t.after(() => void db.close());
  const columns =
    "asset_id, trigger_id, source_id, partition, message_offset, message_id, run_id, task_index, map_index, payload, message_key, headers, extra, partition_key, sent_at, created_at, decisions";
  db.exec(`WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 3999)
    INSERT INTO asset_event (id, ${columns}) SELECT id + n, ${columns.replace("decisions", "CAST('[]' AS BLOB)")} FROM c, (SELECT * FROM asset_event)`);
  const again = await at.project.start();
  const cut = at.project.run(["events", "replay", "--all", "--replay-id", "5"]);
  await eventually(async () => assert.ok((await at.count("event_decision WHERE replay_id = 5")) > 200));
  await again.kill();
  const { code, err } = await cut;
  assert.equal(code, 1);
  assert.match(err, /not all was replayed: the same command with --replay-id 5 goes on/);
  assert.ok((await at.count("event_decision WHERE replay_id = 5")) < 4_000);
  await at.project.start();
  await at.replay("--all", "--replay-id", "5");
  await eventually(async () => assert.equal(await at.runsOf("one"), 4_001), { withinMs: 60_000 });
  assert.deepEqual(
    [
      await at.count("event_decision WHERE replay_id = 5"),
      await at.count("pattern_event"),
      await at.count("dag_run"),
      await at.count("(SELECT DISTINCT event_id FROM dag_run)"),
    ],
    [4_000, 0, 4_001, 4_000],
  );
});
