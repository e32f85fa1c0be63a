import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { Work } from "../src/metadata-db/committer.ts";
import { WorkFailure } from "../src/metadata-db/committer.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";
import { SqliteBatchWriter } from "../src/metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { SqlRunStore } from "../src/metadata-db/stores/run-store.ts";
import { SourceStore } from "../src/metadata-db/stores/source-store.ts";
import { DECISION_CODES } from "../src/domain/decision.ts";
import { hashIdentity } from "../src/domain/ingest.ts";
import type { IngestEntry } from "../src/domain/ingest-unit.ts";

function setUp() {
  const db = openDatabase(":memory:");
  const runner = new SqliteRunner(db);
  return { db, writer: new SqliteBatchWriter(db, 1), store: new SqlRunStore(runner, 1), sources: new SourceStore(runner) };
}

function entry(fields: Partial<IngestEntry> = {}): IngestEntry {
  const event = {
    assetId: 1,
    assetName: "a",
    payload: Buffer.from("{}"),
    messageKey: null,
    headers: null,
    extra: null,
    partitionKey: null,
    sentAt: null,
  };
  const decisions = [{ dag: 7, versionId: 3, code: DECISION_CODES.run, reason: null, inbox: null }];
  return {
    source: "s",
    position: null,
    seen: null,
    messageId: null,
    value: null,
    key: null,
    headers: null,
    deadLetters: [],
    rejected: [],
    ignored: [],
    cursor: null,
    events: [{ ...event, decisions }],
    ...fields,
  };
}

const ingest = (...entries: IngestEntry[]): Work => ({ kind: "ingest", unit: { triggerId: 5, entries } });
const at = (offset: number): IngestEntry => entry({ position: { partition: "0", offset } });
const withId = (id: string): IngestEntry => entry({ seen: hashIdentity("s", id), messageId: id });

test("a position below the stored one is a duplicate, within a batch and across restarts (P2)", async () => {
  const { db, writer, sources } = setUp();
  const first = writer.write([ingest(at(0), at(1)), ingest(at(1), at(2))], 1);
  assert.deepEqual(first.results, [
    { events: 2, deadLetters: 0, duplicates: 0, runs: 2 },
    { events: 1, deadLetters: 0, duplicates: 1, runs: 1 },
  ]);
  const restarted = new SqliteBatchWriter(db, 2);
  assert.deepEqual(restarted.write([ingest(at(2), at(3))], 2).results, [{ events: 1, deadLetters: 0, duplicates: 1, runs: 1 }]);
  assert.equal((await sources.positions("s")).get("0"), 4n);
  const counts = db.prepare("SELECT process_id, reason, n, samples FROM ingest_count ORDER BY process_id").raw().all();
  assert.deepEqual(counts, [
    [1, "duplicate", 1, '["0:1"]'],
    [2, "duplicate", 1, '["0:2"]'],
  ]);
});

test("an identity seen before is a duplicate (P2)", () => {
  const { writer } = setUp();
  writer.write([ingest(withId("a"))], 1);
  assert.deepEqual(writer.write([ingest(withId("a"), withId("b"), withId("b"))], 2).results, [
    { events: 1, deadLetters: 0, duplicates: 2, runs: 1 },
  ]);
});

test("a message without identity is taken each time", () => {
  const { writer } = setUp();
  assert.deepEqual(writer.write([ingest(entry(), entry())], 1).results, [{ events: 2, deadLetters: 0, duplicates: 0, runs: 2 }]);
});

test("decisions name the runs of their commit, also above 4,096 ids", () => {
  const { db, writer } = setUp();
  const { runs } = writer.write([ingest(...Array.from({ length: 3000 }, (_, offset) => at(offset)))], 1);
  const events = db.prepare("SELECT id, decisions FROM asset_event ORDER BY id").all() as { id: number; decisions: Buffer }[];
  assert.equal(events.length, 3000);
  const named = events.map(
    ({ id, decisions }) => Math.floor(id / 4096) * 4096 + (JSON.parse(decisions.toString()) as [number, number, number][])[0]![2],
  );
  assert.deepEqual(
    named,
    runs.map(({ id }) => id),
  );
  const later = writer.write([ingest(at(3000))], 2).runs[0]!.id;
  assert.ok(later > Math.max(...named), "a later commit has larger ids");
});

test("a transaction that fails leaves nothing, and its positions can come again", () => {
  const { db, writer } = setUp();
  const bad = entry({ position: { partition: "0", offset: 1 }, events: [{ ...entry().events[0]!, payload: null as never }] });
  assert.throws(() => writer.write([ingest(at(0), bad)], 1), /NOT NULL/);
  assert.deepEqual(db.prepare("SELECT count(*) AS n FROM asset_event").get(), { n: 0 });
  assert.deepEqual(writer.write([ingest(at(0))], 1).results, [{ events: 1, deadLetters: 0, duplicates: 0, runs: 1 }]);
});

test("a run id that exists fails alone", () => {
  const { writer } = setUp();
  const create: Work = {
    kind: "create",
    run: { dag: 1, versionId: 1, type: "manual", logicalDate: null, params: null, customRunId: "mine", part: "", events: [] },
  };
  const { results, runs } = writer.write([create, create, ingest(at(0))], 1);
  assert.ok(results[1] instanceof WorkFailure);
  assert.equal(runs.length, 2);
});

test("unfinished runs are read in order, by pages, with their event", async () => {
  const { db, writer, store } = setUp();
  db.prepare("INSERT INTO asset (id, name, extra, created_at, updated_at) VALUES (1, 'a', '{}', 0, 0)").run();
  const { runs } = writer.write([ingest(at(0), at(1), at(2))], 1);
  writer.write(
    [
      {
        kind: "write",
        writes: {
          runId: runs[0]!.id,
          run: { state: 10, startedAt: 1, endedAt: 2, rescues: 0, error: null },
          taskInstances: [],
          tries: [],
          logs: [],
          outletEvents: [],
          outbox: [],
        },
      },
    ],
    2,
  );
  assert.deepEqual(await store.activeDags(), [7]);
  assert.deepEqual(await store.active(7, 0, 1), [{ id: runs[1]!.id, bytes: 2 }]);
  assert.deepEqual(await store.active(7, runs[1]!.id, 10), [{ id: runs[2]!.id, bytes: 2 }]);
  assert.deepEqual(await store.active(8, 0, 10), []);
  const loaded = await store.load(runs.map(({ id }) => id));
  assert.deepEqual(
    loaded.map((run) => [run.id, run.events[0]?.data.payload.toString()]),
    [
      [runs[1]!.id, "{}"],
      [runs[2]!.id, "{}"],
    ],
    "the first has finished",
  );
  assert.deepEqual([...(await store.countUnstarted())], [[5, 2]]);
});

test("starts are stored where there is no position yet, and nowhere else", async () => {
  const { writer, sources } = setUp();
  writer.write([ingest(at(4))], 1);
  writer.write(
    [
      {
        kind: "positions",
        source: "s",
        starts: new Map([
          ["0", 0n],
          ["1", 9n],
        ]),
      },
    ],
    1,
  );
  assert.deepEqual(
    [...(await sources.positions("s"))],
    [
      ["0", 5n],
      ["1", 9n],
    ],
  );
});
