import { strict as assert } from "node:assert";
import { test } from "node:test";
import { z } from "zod";
import { checkProjection, compileProjection } from "./cel-projection.ts";
import type { CelScope } from "./cel.ts";
import type { JsonSchema } from "./dag-snapshot.ts";
import { schemaAfter } from "./envelope.ts";

const scope: CelScope = {
  payload: { n: 1, s: "x", none: null, list: [1, 2], o: { k: [true] }, nan: Number.NaN, long: "x".repeat(1_000_000) },
  headers: { kind: "csv" },
  key: "k1",
  asset: "a",
};

const VALUES: readonly (readonly [string, unknown])[] = [
  ["payload.o", { k: [true] }],
  ["payload.n", 1],
  ["1", 1],
  ["1u", 1],
  ["payload.none", null],
  ["'a' + payload.s", "ax"],
  [
    "{'k': key, 'kind': headers['kind'], 'n': payload.n + 1, 'gone': payload.?gone, 's': payload.?s}",
    { k: "k1", kind: "csv", n: 2, s: "x" },
  ],
  ["payload.list.map(v, {'v': v * 2})", [{ v: 2 }, { v: 4 }]],
  ["[payload.?gone]", [null]],
  ["timestamp('2026-01-02T03:04:05Z')", "2026-01-02T03:04:05.000Z"],
  ["duration('90s')", "90s"],
  ["b'abc'", "YWJj"],
  ["has(payload.gone) ? payload.gone : 'none'", "none"],
];
for (const [text, value] of VALUES) {
  test(`${text} gives ${JSON.stringify(value)}`, () => {
    const made = compileProjection(text)(scope);
    assert.deepEqual(made, value);
    assert.deepEqual(JSON.parse(JSON.stringify(made)), value);
  });
}

const FAILURES: readonly (readonly [string, RegExp])[] = [
  ["payload.gone", /No such key: gone/],
  ["payload.?gone", /an optional that has none/],
  ["payload.nan", /a number that JSON can hold, got NaN/],
  ["9007199254740993", /holds exactly.*use string/],
  ["type(payload)", /JSON can hold, got a Type/],
  ["[payload.long, payload.long, payload.long, payload.long, payload.long]", /at most 4194304 characters/],
];
for (const [text, message] of FAILURES) {
  test(`${text} fails with a sentence`, () => assert.throws(() => compileProjection(text)(scope), { message }));
}

const schema = z.toJSONSchema(z.object({ bucket: z.string(), key: z.string(), size: z.number().optional() }), {
  io: "input",
}) as JsonSchema;
const strict = z.toJSONSchema(z.strictObject({ bucket: z.string() }), { io: "input" }) as JsonSchema;
const s3 = schemaAfter(["sns", "s3"]);
const both = "'bucket': payload.s3.bucket.name, 'key': payload.s3.object.key";

const CHECKS: readonly (readonly [string, JsonSchema | null, JsonSchema | null, RegExp | null])[] = [
  [`{${both}}`, s3, schema, null],
  [`{${both}, 'size': payload.s3.object.size, 'kind': headers['kind']}`, s3, schema, null],
  ["payload.anything.at.all", null, schema, null],
  ["{'bucket': payload.s3.bucket.nmae, 'key': 'k'}", s3, schema, /No such key: nmae/],
  ["{'bucket': payload.b}", null, schema, /asks for 'key', which is not made/],
  ["{'bucket': payload.b, 'kee': 'k'}", null, schema, /asks for 'key'.*did you mean it by 'kee'/],
  ["{'bucket': payload.b, 'key': 'k'}", null, strict, /does not take 'key'/],
  ["'text'", null, schema, /asks for, object, got a string/],
  ["payload.list.map(x, x)", null, schema, /asks for, object, got a list/],
  ["paylod.b", null, null, /Unknown variable: paylod/],
  ["{'a': ", null, null, /./],
  ["payload.l.map(a, payload.l.map(b, payload.l.filter(c, a == b)))", null, null, /at most 2 loops .* got 3/],
  ["payload.l.filter(a, a > 1).map(b, b).map(c, c).map(d, d)", null, null, null],
];
for (const [text, seen, asset, message] of CHECKS) {
  test(`at load, ${text} is ${message === null ? "right" : "wrong"}`, () => {
    const wrong = checkProjection(text, seen, asset);
    if (message === null) assert.equal(wrong, null);
    else assert.match(wrong ?? "", message);
  });
}
