// What a batch writer promises, whatever the database.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import type { FoldWrites, InboxRow, RunWrites } from "../src/domain/committer.ts";
import { DECISION_CODES } from "../src/domain/decision.ts";
import type { ReplayItem } from "../src/domain/event-replay.ts";
import { hashIdentity } from "../src/domain/ingest.ts";
import type { IngestEntry } from "../src/domain/ingest-unit.ts";
import type { BatchWriter, Work } from "../src/metadata-db/committer.ts";
import { WorkFailure } from "../src/metadata-db/committer.ts";
import type { SqlValue } from "../src/metadata-db/sql-script.ts";
import type { SqlRunStore } from "../src/metadata-db/stores/run-store.ts";
import type { SourceStore } from "../src/metadata-db/stores/source-store.ts";

export interface WriterUnderTest {
  /** Of process 1. */
  readonly writer: BatchWriter;
  readonly writerOf: (processId: number) => BatchWriter;
  /** Of process 1. */
  readonly store: SqlRunStore;
  readonly sources: SourceStore;
  readonly all: <Row extends object>(sql: string, ...parameters: readonly SqlValue[]) => Promise<readonly Row[]>;
}

export interface WriterSuite {
  readonly name: string;
  readonly skip: string | false;
  /** An empty database, in which processes 1 and 2 are live. */
  readonly open: (t: TestContext) => Promise<WriterUnderTest>;
}

export function entry(fields: Partial<IngestEntry> = {}): IngestEntry {
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

export const ingest = (...entries: IngestEntry[]): Work => ({ kind: "ingest", unit: { triggerId: 5, triggerEpoch: null, entries } });
export const at = (offset: number): IngestEntry => entry({ position: { partition: "0", offset } });
export const withId = (id: string): IngestEntry => entry({ seen: hashIdentity("s", id), messageId: id });

const NO_WRITES: Omit<RunWrites, "runId"> = { run: null, taskInstances: [], tries: [], logs: [], outletEvents: [], outbox: [] };
export const step = (runId: number, writes: Partial<RunWrites>): Work => ({ kind: "write", writes: { runId, ...NO_WRITES, ...writes } });
const TASK = { taskIndex: 0, mapIndex: 0, queuedAt: 1, startedAt: 2, endedAt: null, dueAt: null, value: null, error: null, workerLost: 0 };
export const held = (dag: number): IngestEntry => {
  const decisions = [{ dag, versionId: 3, code: DECISION_CODES.inbox, reason: null, inbox: { shard: 9, slots: [0] } }];
  return entry({ events: [{ ...entry().events[0]!, decisions }] });
};
export const foldOf = (rows: readonly InboxRow[], fields: Partial<FoldWrites> = {}): Work => ({
  kind: "fold",
  writes: {
    dag: 7,
    shard: 9,
    shardEpoch: 0,
    versionId: 3,
    runs: [{ part: "", events: rows.map((event) => ({ event, leg: 0 })), decided: rows, kept: [] }],
    rejected: [],
    scheduled: [],
    timeParts: [],
    ...fields,
  },
});

/** Every promise is a test of its own, on a database of its own. */
export function testBatchWriter({ name, skip, open }: WriterSuite): void {
  test(`${name}: a position below the stored one is a duplicate, within a batch and across restarts (P2)`, { skip }, async (t) => {
    const { all, writerOf, writer, sources } = await open(t);
    const first = await writer.write([ingest(at(0), at(1)), ingest(at(1), at(2))], 1);
    assert.deepEqual(first.results, [
      { events: 2, deadLetters: 0, duplicates: 0, runs: 2 },
      { events: 1, deadLetters: 0, duplicates: 1, runs: 1 },
    ]);
    const restarted = writerOf(2);
    assert.deepEqual((await restarted.write([ingest(at(2), at(3))], 2)).results, [{ events: 1, deadLetters: 0, duplicates: 1, runs: 1 }]);
    assert.equal((await sources.positions("s")).get("0"), 4n);
    const counts = (await all("SELECT process_id, reason, n, samples FROM ingest_count ORDER BY process_id")).map((row) =>
      Object.values(row),
    );
    assert.deepEqual(counts, [
      [1, "duplicate", 1, '["0:1"]'],
      [2, "duplicate", 1, '["0:2"]'],
    ]);
  });

  test(`${name}: an identity seen before is a duplicate (P2)`, { skip }, async (t) => {
    const { writer } = await open(t);
    await writer.write([ingest(withId("a"))], 1);
    assert.deepEqual((await writer.write([ingest(withId("a"), withId("b"), withId("b"))], 2)).results, [
      { events: 1, deadLetters: 0, duplicates: 2, runs: 1 },
    ]);
  });

  test(`${name}: a message without identity is taken each time`, { skip }, async (t) => {
    const { writer } = await open(t);
    assert.deepEqual((await writer.write([ingest(entry(), entry())], 1)).results, [{ events: 2, deadLetters: 0, duplicates: 0, runs: 2 }]);
  });

  test(`${name}: decisions name the runs of their commit, also above 4,096 ids`, { skip }, async (t) => {
    const { all, writer } = await open(t);
    const { runs } = await writer.write([ingest(...Array.from({ length: 3000 }, (_, offset) => at(offset)))], 1);
    const events = await all<{ readonly id: number; readonly decisions: Buffer }>("SELECT id, decisions FROM asset_event ORDER BY id");
    assert.equal(events.length, 3000);
    const named = events.map(
      ({ id, decisions }) => Math.floor(id / 4096) * 4096 + (JSON.parse(decisions.toString()) as [number, number, number][])[0]![2],
    );
    assert.deepEqual(
      named,
      runs.map(({ id }) => id),
    );
    const later = (await writer.write([ingest(at(3000))], 2)).runs[0]!.id;
    assert.ok(later > Math.max(...named), "a later commit has larger ids");
  });

  test(`${name}: a transaction that fails leaves nothing, and its positions can come again`, { skip }, async (t) => {
    const { all, writer } = await open(t);
    const bad = entry({ position: { partition: "0", offset: 1 }, events: [{ ...entry().events[0]!, payload: null as never }] });
    await assert.rejects(async () => writer.write([ingest(at(0), bad)], 1), /not.null/i);
    assert.deepEqual(await all("SELECT count(*) AS n FROM asset_event"), [{ n: 0 }]);
    assert.deepEqual((await writer.write([ingest(at(0))], 1)).results, [{ events: 1, deadLetters: 0, duplicates: 0, runs: 1 }]);
  });

  test(`${name}: a run id that exists fails alone`, { skip }, async (t) => {
    const { writer } = await open(t);
    const create: Work = {
      kind: "create",
      run: { dag: 1, versionId: 1, type: "manual", logicalDate: null, params: null, customRunId: "mine", part: "", events: [] },
    };
    const { results, runs } = await writer.write([create, create, ingest(at(0))], 1);
    assert.ok(results[1] instanceof WorkFailure);
    assert.equal(runs.length, 2);
  });

  test(`${name}: unfinished runs are read in order, by pages, with their event`, { skip }, async (t) => {
    const { all, writer, store } = await open(t);
    await all("INSERT INTO asset (id, name, extra, created_at, updated_at) VALUES (1, 'a', ?, 0, 0)", Buffer.from("{}"));
    const { runs } = await writer.write([ingest(at(0), at(1), at(2))], 1);
    await writer.write([step(runs[0]!.id, { run: { state: 10, startedAt: 1, endedAt: 2, rescues: 0, error: null } })], 2);
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

  test(`${name}: starts are stored where there is no position yet, and nowhere else`, { skip }, async (t) => {
    const { writer, sources } = await open(t);
    await writer.write([ingest(at(4))], 1);
    await writer.write(
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

  test(`${name}: two steps of one run in one batch leave the later one`, { skip }, async (t) => {
    const { all, writer } = await open(t);
    const { runs } = await writer.write([ingest(entry(), entry())], 1);
    const [id, other] = runs.map((run) => run.id);
    const running = step(id!, {
      taskInstances: [{ ...TASK, state: 4, try: 1 }],
      run: { state: 1, startedAt: 2, endedAt: null, rescues: 0, error: null },
    });
    const ended = step(id!, {
      taskInstances: [{ ...TASK, state: 10, try: 1, endedAt: 5, value: Buffer.from("[1]") }],
      run: { state: 10, startedAt: 2, endedAt: 5, rescues: 0, error: null },
      tries: [{ taskIndex: 0, mapIndex: 0, try: 1, state: 10, startedAt: 2, endedAt: 5, error: null }],
      logs: [{ taskIndex: 0, mapIndex: 0, try: 1, seq: 0, chunk: Buffer.from("{}\n") }],
    });
    await writer.write([running, ended, step(other!, { taskInstances: [{ ...TASK, state: 4, try: 1 }] })], 6);
    await writer.write([step(other!, { taskInstances: [{ ...TASK, state: 10, try: 1 }] })], 7);
    const tasks = await all<{ state: number; value: Buffer | null }>("SELECT state, value FROM task_instance ORDER BY run_id");
    assert.deepEqual(
      tasks.map(({ state, value }) => [state, value?.toString()]),
      [
        [10, "[1]"],
        [10, undefined],
      ],
    );
    assert.deepEqual(await all("SELECT state, ended_at FROM dag_run ORDER BY id"), [
      { state: 10, ended_at: 5 },
      { state: 0, ended_at: null },
    ]);
    assert.deepEqual(await all("SELECT try, state FROM task_try"), [{ try: 1, state: 10 }]);
    assert.equal((await all("SELECT seq FROM task_log")).length, 1);
  });

  test(`${name}: outlet events and outbox messages are stored with the step, and what became of them`, { skip }, async (t) => {
    const { all, writer } = await open(t);
    const { runs } = await writer.write([ingest(entry())], 1);
    const message = {
      taskIndex: 0,
      mapIndex: 0,
      kind: "kafka",
      connection: "c",
      params: { topic: "t" },
      options: {},
      body: Buffer.from([0, 255]),
    };
    const outletEvents = [{ taskIndex: 0, mapIndex: 0, event: entry().events[0]! }];
    const { outbox, runs: started } = await writer.write([step(runs[0]!.id, { outbox: [message, message], outletEvents })], 2);
    assert.equal(started.length, 1, "the outlet's event starts a run");
    const [sent, again] = outbox.map(({ id }) => id);
    await writer.write(
      [
        {
          kind: "outbox",
          outcomes: [
            { id: sent!, outcome: "sent", at: 3 },
            { id: again!, outcome: "retry", reason: "down" },
          ],
        },
      ],
      3,
    );
    assert.deepEqual(await all("SELECT state, attempts, last_error, sent_at, owner_id FROM outbox_message ORDER BY id"), [
      { state: 10, attempts: 1, last_error: null, sent_at: 3, owner_id: 1 },
      { state: 0, attempts: 1, last_error: "down", sent_at: null, owner_id: 1 },
    ]);
    const [body] = await all<{ body: Buffer }>("SELECT body FROM outbox_message");
    assert.deepEqual([...body!.body], [0, 255]);
  });

  test(`${name}: a fold takes its rows, decides their events and starts its run`, { skip }, async (t) => {
    const { all, writer } = await open(t);
    const { inbox, runs: none } = await writer.write([ingest(held(7), held(7), held(7))], 1);
    assert.equal(none.length, 0);
    const [first, second, third] = inbox;
    const kept = { runs: [], rejected: [{ event: third!, code: DECISION_CODES.filtered, reason: "no\0 more" }] };
    const { runs } = await writer.write([foldOf([first!, second!]), foldOf([], kept)], 2);
    assert.equal(runs[0]!.events, null, "to be read");
    assert.deepEqual(await all("SELECT id FROM pattern_event"), []);
    const decided = await all<{ code: number; run_id: number | null }>("SELECT code, run_id FROM event_decision ORDER BY event_id");
    assert.deepEqual(
      decided.map((row) => [row.code, row.run_id]),
      [
        [1, runs[0]!.id],
        [1, runs[0]!.id],
        [3, null],
      ],
    );
    assert.equal((await all("SELECT 1 FROM dag_run_event")).length, 2);
  });

  test(`${name}: a dead letter is replayed once, and discarded once`, { skip }, async (t) => {
    const { all, writer } = await open(t);
    const letter = entry({ events: [], deadLetters: [{ assetId: 1, reasonCode: "NOT_JSON", reason: "no" }], value: Buffer.from("{") });
    await writer.write([ingest(letter, letter, letter)], 1);
    const [a, b, c] = (await all<{ id: number }>("SELECT id FROM dead_letter ORDER BY id")).map(({ id }) => id);
    const replay = (id: number, again: IngestEntry): Work => ({ kind: "replay", replay: { id, triggerId: 5, entry: again } });
    const { results } = await writer.write(
      [replay(a!, entry()), replay(a!, entry()), replay(b!, letter), { kind: "discard", ids: [c!, c!, 1] }],
      2,
    );
    assert.deepEqual(results, [{ isGone: false, runs: 1 }, { isGone: true, runs: 0 }, { isGone: false, runs: 0 }, 1]);
    assert.deepEqual(await all("SELECT id FROM dead_letter"), [{ id: b }]);
  });

  test(
    `${name}: a replay adds an event to an inbox once, decides it beside its first decision, and a run takes it once`,
    { skip },
    async (t) => {
      const { all, writer } = await open(t);
      const [first] = (await writer.write([ingest(held(7))], 1)).inbox;
      const { eventId, assetId, triggerId, bytes, slots, dag, shard, versionId } = first!;
      const item = { eventId, assetId, triggerId, bytes, slots, dag, shard, versionId, code: DECISION_CODES.inbox };
      const replay = (replayId: number, ...items: readonly ReplayItem[]): Work => ({ kind: "replayEvents", replay: { replayId, items } });
      const gone = { ...item, eventId: 1 };
      const { results, inbox } = await writer.write([replay(4e14, item, gone, item), replay(4e14, item)], 2);
      assert.deepEqual(results, [{ isAdded: [true, false, false] }, { isAdded: [false] }]);
      assert.deepEqual(
        inbox.map((row) => [row.eventId, row.replayId]),
        [[eventId, 4e14]],
      );
      assert.deepEqual((await writer.write([replay(4e14, item)], 3)).results, [{ isAdded: [false] }], "waiting");
      const { runs } = await writer.write([foldOf([first!, inbox[0]!])], 4);
      assert.deepEqual((await writer.write([replay(4e14, item)], 5)).results, [{ isAdded: [false] }], "decided");
      assert.deepEqual(await all("SELECT replay_id, code, run_id, at FROM event_decision ORDER BY replay_id"), [
        { replay_id: 0, code: 1, run_id: runs[0]!.id, at: 4 },
        { replay_id: 4e14, code: 1, run_id: runs[0]!.id, at: 4 },
      ]);
      assert.deepEqual(await all("SELECT event_id FROM dag_run"), [{ event_id: eventId }]);
      assert.deepEqual(await all("SELECT id FROM pattern_event"), []);
    },
  );
}
