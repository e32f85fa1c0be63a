import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, skip } from "@millrace/sdk";
import { describeIssues, outcomeOf, parseDuration } from "@millrace/sdk/internal";
import { z } from "zod";

function thrownBy(run: () => never): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
}

test("skip and fail are told from other errors, also those of another copy of the package", async () => {
  assert.equal(outcomeOf(thrownBy(() => skip("not today"))), "skipped");
  assert.equal(outcomeOf(thrownBy(() => fail("never"))), "failed");
  assert.equal((thrownBy(() => fail("never")) as Error).message, "never");
  assert.deepEqual([new Error("x"), "x", null, undefined, {}].map(outcomeOf), [null, null, null, null, null]);
  const copy = (await import(`../src/outcome.ts?copy=${process.pid}`)) as { skip: typeof skip };
  assert.notEqual(copy.skip, skip);
  assert.equal(outcomeOf(thrownBy(() => copy.skip("x"))), "skipped");
});

test("durations in ms", () => {
  const texts = ["500ms", "30s", "10m", "1h", "2d", "1h30m", "2m5s", "0.5s"];
  assert.deepEqual(
    texts.map((text) => parseDuration(text, "it")),
    [500, 30_000, 600_000, 3_600_000, 172_800_000, 5_400_000, 125_000, 500],
  );
});

test("what is wrong with a value, on one line", () => {
  const result = z.object({ a: z.object({ b: z.number() }), c: z.string() }).safeParse({ a: { b: "x" } });
  assert.match(describeIssues(result.error?.issues ?? []), /^a\.b: .*number.*; c: /);
});
