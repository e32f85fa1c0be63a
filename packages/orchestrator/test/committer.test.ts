import { strict as assert } from "node:assert";
import { test } from "node:test";
import { systemClock } from "../src/domain/clock.ts";
import type { RunWrites } from "../src/domain/committer.ts";
import type { Log } from "../src/domain/log.ts";
import { type BatchWriter, GroupCommitter, type Work } from "../src/metadata-db/committer.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const writes = (runId: number): RunWrites => ({ runId, run: null, taskInstances: [], tries: [], logs: [], outletEvents: [], outbox: [] });

function setUp(write: (batch: readonly Work[]) => void) {
  const timers: (() => void)[] = [];
  const writer: BatchWriter = { write: (batch) => (write(batch), { results: batch.map(() => undefined), runs: [], outbox: [] }) };
  const clock = { ...systemClock, after: (_ms: number, task: () => void) => (timers.push(task), () => undefined) };
  const committer = new GroupCommitter({ writer, clock, log: silent, listener: { onRuns() {}, onOutbox() {} } });
  return { committer, timers };
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
    committer.ingest({ triggerId: 1, entries: [] }),
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
    if (isBroken) throw new Error("disk full");
    stored.push(...batch.map((work) => (work.kind === "write" ? work.writes.runId : 0)));
  });
  const all = [1, 2].map((id) => committer.write(writes(id)));
  committer.tick();
  all.push(committer.write(writes(3)));
  assert.equal(timers.length, 1);
  isBroken = false;
  timers[0]!();
  await Promise.all(all);
  assert.deepEqual(stored, [1, 2, 3]);
});
