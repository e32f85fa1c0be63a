import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import type { TriggerSnapshot } from "../../src/domain/dag-snapshot.ts";
import { WatcherWriter } from "../../src/metadata-db/stores/watcher-writer.ts";
import type { OpenTestDatabase } from "./test-database.ts";

const topic = (name: string): TriggerSnapshot => ({ kind: "kafka", connection: "kafka_default", params: { topics: [name] } });

/** Stores one watcher with triggers on these topics; gives the group of each that is in force. */
async function setUp(t: TestContext, open: OpenTestDatabase): Promise<(...topics: readonly string[]) => Promise<Record<string, string>>> {
  const { runner, query } = await open(t);
  // Groups are numbered by ids, of which the seed has some already.
  const [seed] = await query<{ id: number }>("SELECT max(id) AS id FROM watcher_trigger");
  const writer = new WatcherWriter(({ params }) => JSON.stringify(params), "i");
  return async (...topics) => {
    const watcher = { name: "w", triggers: topics.map(topic), unwrap: [], where: null, payload: null };
    await runner.transaction(() => writer.put(2, [watcher], 0));
    const rows = await query<{ params: Buffer; group_name: string }>(
      "SELECT params, group_name FROM watcher_trigger w JOIN trigger t ON t.id = w.trigger_id WHERE w.is_stale = 0 AND w.id > ? ORDER BY w.id",
      seed!.id,
    );
    return Object.fromEntries(
      rows.map(({ params, group_name: group }) => [JSON.parse(Buffer.from(params).toString()).topics[0], numberFrom(group, seed!.id)]),
    );
  };
}

function numberFrom(group: string, id: number): string {
  const [, prefix, own] = /^(millrace\.i\.)([0-9a-z]+)$/.exec(group)!;
  return `${prefix}${(Number.parseInt(own!, 36) - id).toString(36)}`;
}

/** Watchers and the groups of their triggers. */
export function testWatchers(open: OpenTestDatabase): void {
  test("a watcher's group stays the same when its trigger is edited", async (t) => {
    const put = await setUp(t, open);
    assert.deepEqual(await put("a"), { a: "millrace.i.1" });
    assert.deepEqual(await put("b"), { b: "millrace.i.1" });
  });

  test("each of several triggers keeps its group, in whatever order they are given", async (t) => {
    const put = await setUp(t, open);
    assert.deepEqual(await put("a", "b"), { a: "millrace.i.1", b: "millrace.i.2" });
    assert.deepEqual(await put("b", "a"), { a: "millrace.i.1", b: "millrace.i.2" });
    assert.deepEqual(await put("c", "b", "d"), { c: "millrace.i.1", b: "millrace.i.2", d: "millrace.i.3" }, "the edited one takes over");
  });

  test("a trigger that was taken out and comes back has its group again", async (t) => {
    const put = await setUp(t, open);
    await put("a", "b");
    assert.deepEqual(await put("a"), { a: "millrace.i.1" });
    assert.deepEqual(await put("a", "c"), { a: "millrace.i.1", c: "millrace.i.3" });
    assert.deepEqual(await put("a", "c", "b"), { a: "millrace.i.1", b: "millrace.i.2", c: "millrace.i.3" });
  });

  test("equal triggers in a list are one", async (t) => {
    assert.deepEqual(await (await setUp(t, open))("a", "a"), { a: "millrace.i.1" });
  });
}
