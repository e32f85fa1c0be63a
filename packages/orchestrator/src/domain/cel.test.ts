import { strict as assert } from "node:assert";
import { test } from "node:test";
import { z } from "zod";
import { type CelScope, checkPredicate, compilePredicate } from "./cel.ts";
import type { JsonSchema } from "./dag-snapshot.ts";

const scope: CelScope = {
  payload: { n: 5, f: 2.5, s: "x", none: null, list: [1, 2], items: [{ sku: "a" }], deep: { er: true } },
  headers: { kind: "order" },
  key: "k1",
  asset: "orders",
};

// The table of docs/adr/0003: expression → result, or the start of the error.
const CASES: readonly (readonly [string, boolean | RegExp])[] = [
  ["payload.n > 3", true],
  ["payload.n > 3.0", true],
  ["payload.n == 5", true],
  ["payload.n == 5.0", true],
  ["payload.n != 5", false],
  ["payload.n + 1 == 6", true],
  ["1.0 + payload.n == 6.0", true],
  ["payload.n - 1 < 5", true],
  ["payload.n * 2 == 10", true],
  ["payload.n / 2 == 2.5", true],
  ["payload.n % 2 == 1", true],
  ["payload.f > 2", true],
  ["-payload.n < 0", true],
  ["payload.n in [5, 6]", true],
  ["payload.n in [5.0]", true],
  ["payload.s in ['x', 'y']", true],
  ["payload.s.startsWith('x') && payload.s.size() == 1", true],
  ["payload.s.matches('^x+$')", true],
  ["payload.items.exists(i, i.sku.matches('^a$'))", true],
  ["payload.list.all(v, v > 0)", true],
  ["size(payload.list) == 2", true],
  ["payload.list[0] == 1", true],
  ["payload.none == null", true],
  ["payload.deep.er", true],
  ["has(payload.nope)", false],
  ["has(payload.nope) && payload.nope > 1", false],
  ["payload.?nope.orValue(7) == 7", true],
  ["headers['kind'] == 'order'", true],
  ["key == 'k1' && asset == 'orders'", true],
  ["payload.nope == 1", /No such key: nope/],
  ["headers['nope'] == 'x'", /No such key: nope/],
  ["payload.n > 'x'", /no such overload/],
  ["payload.s", /expected true or false, got "x"/],
];

for (const [text, expected] of CASES) {
  test(`CEL: ${text}`, () => {
    const predicate = compilePredicate(text);
    if (typeof expected === "boolean") assert.equal(predicate(scope), expected);
    else assert.throws(() => predicate(scope), expected);
  });
}

test("a regular expression that backtracking engines hang on is linear", () => {
  const predicate = compilePredicate("payload.s.matches('^(a+)+$')");
  assert.equal(predicate({ ...scope, payload: { s: `${"a".repeat(50_000)}!` } }), false);
});

const schema = z.toJSONSchema(
  z.object({
    sensor: z.string(),
    celsius: z.number(),
    at: z.string().optional(),
    tags: z.array(z.string()),
    kind: z.union([z.string(), z.number()]),
  }),
) as JsonSchema;

for (const right of [
  "payload.celsius > 80",
  "payload.celsius == 80",
  "payload.celsius + 1 > 80.5",
  "payload.sensor == 'a' || payload.tags.exists(t, t == 'b')",
  "payload.kind == 1 || payload.kind == 'a'",
  "has(payload.at) && payload.at.startsWith('2026')",
]) {
  test(`the check accepts ${right}`, () => assert.equal(checkPredicate(right, schema), null));
}

for (const [wrong, message] of [
  ["payload.celcius > 80", /No such key: celcius/],
  ["payload.celsius > 'hot'", /no such overload/],
  ["payload.sensor", /expected true or false, got a string/],
  ["payload.celsius >", /./],
  ["paylod.celsius > 1", /Unknown variable: paylod/],
  [`payload.sensor == '${"x".repeat(5000)}'`, /at most 4096 characters/],
] as const) {
  test(`the check refuses ${wrong.slice(0, 40)}`, () => assert.match(checkPredicate(wrong, schema) ?? "", message));
}
