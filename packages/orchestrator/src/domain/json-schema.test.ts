import { strict as assert } from "node:assert";
import { setFlagsFromString } from "node:v8";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { checkWithDefaults, compileSchema } from "./json-schema.ts";

const schema = { $id: "params", type: "object", properties: { n: { type: "integer", default: 3 } }, required: ["n"] };

test("defaults are filled in place, for each value anew, and what does not fit is named", () => {
  const first: Record<string, unknown> = {};
  assert.equal(checkWithDefaults(schema, first), null);
  assert.deepEqual(first, { n: 3 });
  assert.equal(checkWithDefaults(schema, { n: 4 }), null);
  assert.match(checkWithDefaults(schema, { n: "x" })!, /'n' must be integer/);
});

test("checking params again and again takes no more memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heapAfter = (checks: number): number => {
    for (let check = 0; check < checks; check += 1) checkWithDefaults(schema, {});
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = heapAfter(10);
  const grown = heapAfter(1_000) - before;
  assert.ok(grown < 1_000_000, `1,000 checks left ${grown} bytes behind`);
});

test("a pattern cannot hang on a text that it does not match", () => {
  const check = compileSchema({
    type: "object",
    properties: { a: { pattern: "^(a+)+$" }, b: { pattern: "^(?:\\w+ ?){1,}$" }, c: { pattern: "^(?!x)a+$" } },
  });
  assert.match(check({ a: `${"a".repeat(5_000)}!` })!, /'a' must match pattern "\^\(a\+\)\+\$"/);
  assert.match(check({ b: `${"a".repeat(5_000)}!` })!, /'b' must match pattern/);
  assert.equal(check({ a: "aaa", b: "some words", c: "aa" }), null);
  assert.match(check({ c: "xa" })!, /'c' must match pattern/);
});
