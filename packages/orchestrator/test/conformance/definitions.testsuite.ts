import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadPass, LoadedFile } from "../../src/domain/dag-folder.ts";
import type { DagSnapshot } from "../../src/domain/dag-snapshot.ts";
import { buildDefinitions } from "../../src/domain/definitions.ts";
import { DefinitionStore } from "../../src/metadata-db/stores/definition-store.ts";
import type { Script, SqlRunner } from "../../src/metadata-db/sql-script.ts";
import type { OpenTestDatabase, TestDatabase } from "./test-database.ts";

const dag = (dagId: string, description = ""): DagSnapshot => ({
  dagId,
  description,
  tags: [],
  schedule: { kind: "each", text: "each(plant)", sources: [{ asset: "plant", where: null }] },
  maxActiveRuns: null,
  paramsSchema: null,
  tasks: [],
  resultTask: null,
});

const trigger = { kind: "kafka", connection: "kafka_default", params: { topics: ["plant"] } };
const plant = {
  name: "plant",
  uri: null,
  group: null,
  description: "all\0of it",
  extra: { team: "x\0" },
  schema: { type: "object" },
  watchers: [{ name: "w", triggers: [trigger], unwrap: [], where: "true", payload: null }],
};

const file = (name: string, more: Partial<LoadedFile>): LoadedFile => ({
  file: name,
  path: `/dags/${name}`,
  bundleHash: `bundle of ${name}`,
  dags: [],
  assets: [],
  triggerKinds: [],
  destinations: [],
  warnings: [],
  ...more,
});
const failure = (name: string, message: string) => ({
  file: name,
  code: "FILE_THROWS",
  message,
  line: 1,
  column: 2,
  hint: "h",
  stack: "at\0x",
});
const pass = (files: LoadPass["files"], errors: readonly ReturnType<typeof failure>[] = []): LoadPass => ({ files, errors });

function* counted<T>(script: Script<T>, count: () => void): Script<T> {
  let step = script.next();
  while (step.done !== true) {
    count();
    step = script.next(yield step.value);
  }
  return step.value;
}

async function open(db: TestDatabase): Promise<DefinitionStore> {
  return DefinitionStore.open(db.runner, ({ params }) => JSON.stringify(params));
}

/** What load passes found, and what is in force. */
export function testDefinitions(openDatabase: OpenTestDatabase): void {
  test("what a pass found is in force; a file that fails keeps its last good version; one that is gone is out of service", async (t) => {
    const db = await openDatabase(t);
    const store = await open(db);
    const a = file("a.ts", { dags: [dag("a")], assets: [plant], triggerKinds: ["own"] });
    const b = file("b.ts", { dags: [dag("b")] });
    await store.apply(pass([a, b]), 10);
    const first = await store.read();
    assert.deepEqual(
      first.dags.map(({ dagId, version }) => [dagId, version.number, version.sourcePath]),
      [
        ["a", 1, "/dags/a.ts"],
        ["b", 1, "/dags/b.ts"],
      ],
    );
    const { subscribers, snapshot } = buildDefinitions(first).assets.get("plant")!;
    assert.deepEqual([subscribers.length, snapshot.extra, snapshot.schema], [2, { team: "x\0" }, { type: "object" }]);
    assert.deepEqual(
      first.watchers.map(({ name, where }) => [name, where]),
      [["w", "true"]],
    );
    assert.deepEqual(first.triggerKinds, [{ kind: "own", bundleHash: "bundle of a.ts", sourcePath: "/dags/a.ts" }]);
    await store.apply(pass([b], [failure("a.ts", "no\0"), failure("a.ts", "another")]), 20);
    assert.deepEqual((await store.read()).dags, first.dags);
    assert.equal((await store.read()).triggerKinds.length, 1);
    const { rows } = await db.reads.importErrors.list({}, { limit: 10, offset: 0, order: "ascending" });
    assert.deepEqual(
      rows.map((row) => [row.file, row.message.slice(0, 2), row.line, row.column, row.createdAt]),
      [["a.ts", "no", 1, 2, 20]],
    );
    await store.apply(pass([b], [failure("a.ts", "still")]), 30);
    assert.deepEqual(await db.query("SELECT id, message FROM import_error"), [{ id: rows[0]!.id, message: "still" }]);
    await store.apply(pass([b]), 40);
    const last = await store.read();
    assert.deepEqual([last.dags.map(({ dagId }) => dagId), last.assets, last.watchers, last.triggerKinds], [["b"], [], [], []]);
    assert.deepEqual(await db.query("SELECT id FROM import_error"), []);
  });

  test("a changed DAG has a new version, an old text its old one again; versions are found by id", async (t) => {
    const store = await open(await openDatabase(t));
    const texts = ["one", "two", "one"];
    const versions = [];
    for (const [n, text] of texts.entries()) {
      await store.apply(pass([file("a.ts", { dags: [dag("a", text)] })]), n);
      versions.push((await store.read()).dags[0]!.version);
    }
    assert.deepEqual(
      versions.map(({ number, snapshot }) => [number, snapshot.description]),
      [
        [1, "one"],
        [2, "two"],
        [1, "one"],
      ],
    );
    assert.deepEqual(await store.readVersion(versions[1]!.id), versions[1]);
    await assert.rejects(store.readVersion(987_654), /dag version 987654 is not stored/);
  });

  test("a pass over many DAGs of which one changed costs a few statements, and none is missed that another has written", async (t) => {
    const db = await openDatabase(t);
    let statements = 0;
    const counting: SqlRunner = {
      run: (script) => db.runner.run(script),
      indexedBy: (index) => db.runner.indexedBy(index),
      transaction: (script) => db.runner.transaction(() => counted(script(), () => (statements += 1))),
    };
    const store = await DefinitionStore.open(counting, ({ params }) => JSON.stringify(params));
    const names = Array.from({ length: 50 }, (_, n) => `d${n}`);
    const files = names.map((name) => file(`${name}.ts`, { dags: [dag(name)], assets: [{ ...plant, name }] }));
    await store.apply(pass(files), 1);
    const whole = statements;
    const changed = [file("d0.ts", { dags: [dag("d0", "new")], assets: [{ ...plant, name: "d0", uri: "u" }] }), ...files.slice(1)];
    await store.apply(pass(changed), 2);
    assert.ok(statements - whole < 30, `${whole} statements, then ${statements - whole}`);
    const { dags, assets } = await store.read();
    assert.deepEqual([dags.length, assets.length, dags.filter(({ version }) => version.number === 2).length], [50, 50, 1]);
    assert.deepEqual(await db.query("SELECT DISTINCT loaded_at FROM dag WHERE is_stale = 0"), [{ loaded_at: 2 }]);
    await (await open(db)).apply(pass([]), 3);
    assert.equal((await store.read()).dags.length, 0);
    await store.apply(pass(changed), 4);
    assert.equal((await store.read()).dags.length, 50, "another had taken them out of service");
  });

  test("every change is counted, whoever makes it; one that fails leaves nothing", async (t) => {
    const db = await openDatabase(t);
    const [store, other] = [await open(db), await open(db)];
    assert.equal(store.instance, other.instance);
    const before = await store.readCount();
    const a = file("a.ts", { dags: [dag("a")] });
    await Promise.all([store.apply(pass([a]), 1), other.apply(pass([a]), 2), store.apply(pass([a]), 3)]);
    assert.equal(await store.readCount(), before + 3);
    const { id } = (await other.read()).dags[0]!;
    await store.setPaused(id, true);
    const paused = await other.read();
    assert.deepEqual([paused.version, paused.dags[0]!.isPaused, buildDefinitions(paused).paused], [before + 4, true, new Set([id])]);
    const broken = file("b.ts", { dags: [{ ...dag("b"), dagId: null as never }] });
    await assert.rejects(store.apply(pass([a, broken]), 4));
    assert.deepEqual(await other.read(), paused);
  });
}
