import { strict as assert } from "node:assert";
import { test } from "node:test";
import { systemClock } from "../src/domain/clock.ts";
import type { RunWrites } from "../src/domain/committer.ts";
import type { Log } from "../src/domain/log.ts";
import { type BatchWriter, emptyOutput, GroupCommitter, StoreUnavailable, type Work } from "../src/metadata-db/committer.ts";

const writes = (runId: number): RunWrites => ({ runId, run: null, taskInstances: [], tries: [], logs: [], outletEvents: [], outbox: [] });

function setUp(write: (batch: readonly Work[]) => void) {
  const timers: (() => void)[] = [];
  const writer: BatchWriter = {
    write: (batch) => (write(batch), { results: batch.map(() => undefined), ...emptyOutput() }),
  };
  const errors: string[] = [];
  const log: Log = { debug() {}, info() {}, warn() {}, error: (message) => void errors.push(message), child: () => log };
  let passedMs = 0;
  const clock = {
    ...systemClock,
    monotonic: () => passedMs,
    after: (_ms: number, task: () => void) => (timers.push(task), () => undefined),
  };
  const committer = new GroupCommitter({ writer, clock, log, listener: { onRuns() {}, onInbox() {}, onOutbox() {} } });
  return { committer, timers, errors, passTime: (ms: number) => void (passedMs += ms) };
}

test("what is given in one turn is one transaction", async () => {
  const sizes: number[] = [];
  const { committer } = setUp((batch) => void sizes.push(batch.length));
  await Promise.all([1, 2, 3].map((id) => committer.write(writes(id))));
  assert.deepEqual(sizes, [3]);
});

test("one bad piece fails alone, the others are stored", async () => {
  const stored: number[] = [];
  const { committer } = setUp((batch) => {
    if (batch.some(({ kind }) => kind === "ingest")) throw new Error("bad");
    stored.push(...batch.map((work) => (work.kind === "write" ? work.writes.runId : 0)));
  });
  const results = await Promise.allSettled([
    committer.write(writes(1)),
    committer.ingest({ triggerId: 1, triggerEpoch: null, entries: [] }),
    committer.write(writes(2)),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(stored, [1, 2]);
});

test("steps of runs are tried again in their order until they are stored", async () => {
  let isBroken = true;
  const stored: number[] = [];
  const { committer, timers } = setUp((batch) => {
    if (isBroken) throw new StoreUnavailable("disk full");
    stored.push(...batch.map((work) => (work.kind === "write" ? work.writes.runId : 0)));
  });
  const all = [1, 2].map((id) => committer.write(writes(id)));
  await committer.tick();
  all.push(committer.write(writes(3)));
  assert.equal(timers.length, 1);
  isBroken = false;
  timers[0]!();
  await Promise.all(all);
  assert.deepEqual(stored, [1, 2, 3]);
});

test("a database that takes nothing is said once; messages are refused, steps of runs wait in order, a stop does not hang", async () => {
  let isFull = true;
  const stored: number[] = [];
  const { committer, timers, errors, passTime } = setUp((batch) => {
    if (isFull) throw new StoreUnavailable("database or disk is full");
    stored.push(...batch.map((work) => (work.kind === "write" ? work.writes.runId : 0)));
  });
  const steps = [1, 2, 3].map((id) => committer.write(writes(id)));
  await assert.rejects(committer.ingest({ triggerId: 1, triggerEpoch: null, entries: [] }), /disk is full/);
  timers.splice(0).forEach((fire) => fire());
  assert.equal(errors.length, 1);
  const flushed = committer.flush();
  passTime(6_000);
  timers.splice(0).forEach((fire) => fire());
  await flushed;
  isFull = false;
  timers.splice(0).forEach((fire) => fire());
  await Promise.all(steps);
  assert.deepEqual(stored, [1, 2, 3]);
});

test("a step that can never be stored is refused, and holds up no other", async () => {
  const stored: number[] = [];
  const { committer } = setUp((batch) => {
    const ids = batch.map((work) => (work.kind === "write" ? work.writes.runId : 0));
    if (ids.includes(2)) throw new TypeError("SQLite3 can only bind numbers, strings, bigints, buffers, and null");
    stored.push(...ids);
  });
  const results = await Promise.allSettled([1, 2, 3].map((id) => committer.write(writes(id))));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(stored, [1, 3]);
});
