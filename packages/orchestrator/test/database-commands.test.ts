// The metadata DB's own commands: what is broken is found, and after a crash a backup brings back what it held.
import { strict as assert } from "node:assert";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import Database from "better-sqlite3";
import { seedDatabase } from "./seeded-database.ts";
import { makeProject, type Project } from "./standalone-process.ts";

const FILE = `import { defineAsset, defineDag } from "@millrace/sdk";
const a = defineAsset("a");
export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ({ event, log }) => { log.info("took it"); return event.payload; }); });`;

const TABLES = ["asset_event", "dag_run", "task_instance", "task_log", "user_account"];

function counts(file: string): readonly number[] {
  const db = new Database(file, { readonly: true });
  const found = TABLES.map((table) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number);
  db.close();
  return found;
}

/** A command that must end well. */
async function millrace(project: Project, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await project.run(args);
  assert.equal(code, 0, `${args.join(" ")}: ${err}${out}`);
  return out;
}

test("restore drill: a backup made under load, the server killed, the file lost; what the backup held is back and goes on", async (t) => {
  const project = makeProject(t, { "d.ts": FILE });
  const server = await project.start();
  const file = join(project.home, "millrace.db");
  const backup = join(project.folder, "backup.db");
  const over = new AbortController();
  let sent = 0;
  const load = async (): Promise<void> => {
    for (; !over.signal.aborted; sent += 1) await server.post("/api/v2/assets/events", { name: "a", payload: sent });
  };
  const loads = [load(), load(), load()];
  await eventually(() => assert.ok(counts(file)[1]! > 100));
  const before = counts(file);
  await millrace(project, "db", "backup", backup);
  const after = counts(file);
  await eventually(() => assert.ok(counts(file)[1]! > after[1]! + 50));
  over.abort();
  await Promise.all(loads);
  assert.match(await millrace(project, "db", "check"), /^the file is sound +ok$/m, "beside the server");
  const refused = await project.run(["db", "restore", backup]);
  assert.deepEqual([refused.code, /another Millrace server uses the database/.test(refused.err)], [1, true]);
  await server.kill();

  const held = counts(backup);
  held.forEach((count, index) => assert.ok(count >= before[index]! && count <= after[index]!, TABLES[index]));
  assert.deepEqual(
    readdirSync(project.folder).filter((name) => name.startsWith("backup.db")),
    ["backup.db"],
    "one file and no other",
  );
  assert.equal(statSync(backup).mode & 0o777, 0o600);
  const lost = counts(file);
  truncateSync(file, 8_192);
  const out = await millrace(project, "db", "restore", backup);
  const kept = /kept as (\S+)$/m.exec(out)![1]!;
  assert.equal(statSync(kept).size, 8_192);
  assert.ok(lost[1]! > held[1]!);
  assert.deepEqual(counts(file), held);
  assert.match(await millrace(project, "db", "check"), /^no id comes twice +ok$/m);

  const again = await project.start();
  const { status, body } = await again.post("/api/v2/assets/events", { name: "a", payload: "after" });
  assert.equal(status, 200);
  const [run] = body.created_dagruns;
  const path = `/api/v2/dags/d/dagRuns/${encodeURIComponent(run.run_id)}`;
  await eventually(async () => assert.equal((await again.get(path)).body.state, "success"));
  const db = new Database(file, { readonly: true });
  t.after(() => void db.close());
  await eventually(() => assert.equal(db.prepare("SELECT count(*) FROM dag_run WHERE state < 10").pluck().get(), 0));
  assert.equal(counts(file)[0], held[0]! + 1);
});

function onFile(t: TestContext) {
  const { db, file } = seedDatabase(t);
  const project = makeProject(t);
  return { db, file, run: (...args: readonly string[]) => project.run(["db", ...args, "--db", `sqlite:${file}`]), project };
}

test("check names what does not hang together, and which", async (t) => {
  const { db, run } = onFile(t);
  db.exec(`UPDATE dag SET version_id = (SELECT min(id) FROM dag_version) WHERE version_id NOT IN (SELECT id FROM dag_version);
    DELETE FROM dag_run WHERE id = (SELECT min(run_id) FROM task_instance);
    INSERT INTO pattern_event (id, shard, dag, event_id, created_at) VALUES (1, 1, 999, 888, 0);
    UPDATE commit_counter SET number = 2`);
  const { code, out } = await run("check");
  assert.equal(code, 1, out);
  assert.match(out, /^the file is sound +ok$/m);
  assert.match(out, /^every row of task_instance has its run +broken \d+ times: 8193/m);
  assert.match(out, /^every event in an inbox is stored +broken 1 times: 888$/m);
  assert.match(out, /^every inbox has its DAG +broken 1 times: 999$/m);
  assert.match(out, /^no id comes twice +broken \d+ times: /m);
  const { checks } = JSON.parse((await run("check", "-o", "json")).out) as { checks: { name: string; broken: number }[] };
  assert.equal(checks.find(({ name }) => name === "every inbox has its DAG")!.broken, 1);
});

test("a damaged file is found, and neither it nor a newer or foreign one is restored", async (t) => {
  const { db, file, run, project } = onFile(t);
  const backup = join(project.folder, "backup.db");
  assert.equal((await run("backup", backup)).code, 0);
  assert.match((await run("backup", backup)).err, /exists already/);
  db.close();
  const before = readFileSync(file);
  const refused = async (name: string, bytes: Buffer | string, message: RegExp): Promise<void> => {
    const path = join(project.folder, name);
    writeFileSync(path, bytes);
    const { code, err } = await run("restore", path);
    assert.equal(code, 1);
    assert.match(err, message);
    assert.ok(readFileSync(file).equals(before), "nothing was changed");
  };
  const sound = readFileSync(backup);
  const damaged = Buffer.from(sound);
  damaged.fill(0xff, 3 * 4_096, 6 * 4_096);
  await refused("damaged.db", damaged, /expected a sound database of Millrace|cannot read the database file/);
  await refused("text.db", "no database at all", /file is not a database/);
  const foreign = new Database(join(project.folder, "foreign.db"));
  foreign.exec("CREATE TABLE t (a)");
  foreign.close();
  await refused("foreign.db", readFileSync(join(project.folder, "foreign.db")), /it has no schema of ours/);
  const newer = new Database(backup);
  newer.pragma("user_version = 99");
  newer.close();
  await refused("newer.db", readFileSync(backup), /schema version 99, this Millrace knows versions up to/);
  writeFileSync(file, damaged);
  const { code, out, err } = await run("check");
  assert.equal(code, 1, out);
  assert.match(out + err, /the file is sound +broken|malformed/);
});

test("version and migrate tell the schema's version", async (t) => {
  const { run, project } = onFile(t);
  assert.match((await run("version")).out, /^Schema +\d+, current$/m);
  assert.match((await run("migrate")).out, /^schema version \d+ is the newest: nothing to do$/m);
  const empty = join(project.folder, "empty.db");
  writeFileSync(empty, "");
  const { out, err } = await project.run(["db", "migrate", "--db", `sqlite:${empty}`]);
  assert.match(out, /^schema version 0 became \d+$/m, err);
  assert.match((await project.run(["db", "version", "--db", "sqlite:nowhere.db"])).err, /there is no database file/);
});
