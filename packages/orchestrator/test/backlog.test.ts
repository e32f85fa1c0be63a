import { strict as assert } from "node:assert";
import { test } from "node:test";
import { Backlog } from "../src/scheduler/backlog.ts";

test("a run that was told of after it had started is counted until the next look, not for ever", async () => {
  const backlog = new Backlog(2);
  backlog.remove(5);
  backlog.add(5, 2);
  assert.equal(backlog.isFull(5), true);
  const room = backlog.waitForRoom(5);
  await backlog.correct(async () => new Map([[5, 1]]));
  assert.deepEqual([backlog.isFull(5), backlog.total], [false, 1]);
  await room;
});

test("runs that start, and that come, while the stored ones are counted are taken for what they are", async () => {
  const backlog = new Backlog(100);
  backlog.add(5, 10);
  await backlog.correct(async () => {
    for (let run = 0; run < 4; run += 1) backlog.remove(5);
    backlog.add(5, 3);
    return new Map([[5, 8]]);
  });
  assert.equal(backlog.total, 9);
});
