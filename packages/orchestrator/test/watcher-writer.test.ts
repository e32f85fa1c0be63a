import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { TriggerSnapshot } from "../src/domain/dag-snapshot.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";
import { WatcherWriter } from "../src/metadata-db/sqlite/watcher-writer.ts";

const topic = (name: string): TriggerSnapshot => ({ kind: "kafka", connection: "kafka_default", params: { topics: [name] } });

/** Stores one watcher with triggers on these topics; gives the group of each that is in force. */
function setUp(): (...topics: readonly string[]) => Record<string, string> {
  const db = openDatabase(":memory:");
  const writer = new WatcherWriter(db, ({ params }) => JSON.stringify(params), "i");
  return (...topics) => {
    writer.put(1, [{ name: "w", triggers: topics.map(topic), unwrap: [], where: null, payload: null }], 0);
    const rows = db
      .prepare("SELECT params, group_name FROM watcher_trigger w JOIN trigger t ON t.id = w.trigger_id WHERE w.is_stale = 0 ORDER BY w.id")
      .all() as { params: Buffer; group_name: string }[];
    return Object.fromEntries(rows.map(({ params, group_name: group }) => [JSON.parse(params.toString()).topics[0], group]));
  };
}

test("a watcher's group stays the same when its trigger is edited", () => {
  const put = setUp();
  assert.deepEqual(put("a"), { a: "millrace.i.1" });
  assert.deepEqual(put("b"), { b: "millrace.i.1" });
});

test("each of several triggers keeps its group, in whatever order they are given", () => {
  const put = setUp();
  assert.deepEqual(put("a", "b"), { a: "millrace.i.1", b: "millrace.i.2" });
  assert.deepEqual(put("b", "a"), { a: "millrace.i.1", b: "millrace.i.2" });
  assert.deepEqual(put("c", "b", "d"), { c: "millrace.i.1", b: "millrace.i.2", d: "millrace.i.3" }, "the edited one takes over");
});

test("a trigger that was taken out and comes back has its group again", () => {
  const put = setUp();
  put("a", "b");
  assert.deepEqual(put("a"), { a: "millrace.i.1" });
  assert.deepEqual(put("a", "c"), { a: "millrace.i.1", c: "millrace.i.3" });
  assert.deepEqual(put("a", "c", "b"), { a: "millrace.i.1", b: "millrace.i.2", c: "millrace.i.3" });
});

test("equal triggers in a list are one", () => {
  assert.deepEqual(setUp()("a", "a"), { a: "millrace.i.1" });
});
