import { strict as assert } from "node:assert";
import { test } from "node:test";
import type { PatternSnapshot } from "./dag-snapshot.ts";
import { type FoldedRun, PatternFold, type PendingEvent } from "./pattern-fold.ts";

const source = (asset: string) => ({ asset, where: null });
const coalesce: PatternSnapshot = { kind: "coalesce", text: "", sources: [source("a")] };
const all: PatternSnapshot = {
  kind: "all",
  text: "",
  shape: "list",
  legs: [
    { name: "0", sources: [source("a")] },
    { name: "1", sources: [source("a"), source("b")] },
  ],
};

const pending = (rowId: number, slots: readonly number[]): PendingEvent => ({
  rowId,
  eventId: 100 + rowId,
  assetId: 1,
  triggerId: null,
  bytes: 1,
  slots,
  replayId: 0,
  taken: [],
});

/** Rows 1, 2, … with the slots given. */
function fold(pattern: PatternSnapshot, ...slots: readonly (readonly number[])[]): PatternFold {
  const folded = new PatternFold(pattern);
  slots.forEach((own, index) => folded.add(pending(index + 1, own)));
  return folded;
}
const told = (run: FoldedRun | null): unknown =>
  run && { part: run.part, events: run.events.map(({ event, leg }) => [event.rowId, leg]), decided: run.decided.map(({ rowId }) => rowId) };

test("an event on two legs of a join is taken for both", () => {
  const folded = fold(all, [0, 1]);
  assert.deepEqual(told(folded.next()), {
    part: "",
    events: [
      [1, 0],
      [1, 1],
    ],
    decided: [1],
  });
  assert.equal(folded.next(), null);
  assert.equal(folded.pending, 0);
});

test("a leg without an event keeps the others waiting", () => {
  const folded = fold(all, [0], [0]);
  assert.equal(folded.next(), null);
  folded.add(pending(3, [2]));
  assert.deepEqual(told(folded.next()), {
    part: "",
    events: [
      [1, 0],
      [2, 0],
      [3, 1],
    ],
    decided: [1, 2, 3],
  });
});

test("a row stays until every part that waits with it has taken it", () => {
  const folded = fold({ kind: "any", text: "", patterns: [{ kind: "each", text: "", sources: [source("a")] }, all] }, [0, 1], [0, 1]);
  assert.deepEqual(told(folded.next()), { part: "0", events: [[1, 0]], decided: [] });
  assert.deepEqual(told(folded.next()), { part: "0", events: [[2, 0]], decided: [] });
  assert.equal(folded.pending, 2);
  folded.add(pending(3, [3]));
  assert.deepEqual(told(folded.next()), {
    part: "1",
    events: [
      [1, 0],
      [2, 0],
      [3, 1],
    ],
    decided: [1, 2, 3],
  });
});

test("a run takes 10,000 events or 32 MiB at most, and the next one the rest, in order", () => {
  const many = fold(coalesce, ...Array.from({ length: 25_000 }, () => [0]));
  assert.equal(many.isFull, true);
  assert.deepEqual([many.next()?.events.length, many.next()?.events.length, many.next()?.events.length], [10_000, 10_000, 5_000]);
  const large = new PatternFold(coalesce);
  for (let rowId = 1; rowId <= 5; rowId += 1) large.add({ ...pending(rowId, [0]), bytes: 20 * 2 ** 20 });
  assert.deepEqual(told(large.next()), { part: "", events: [[1, 0]], decided: [1] });
});
