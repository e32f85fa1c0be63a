import assert from "node:assert/strict";
import { test } from "node:test";
import { DagProject, simpleDag } from "./dag-project.ts";

const imports = `import { defineAsset, defineDag, each } from "@millrace/sdk";\nimport { sqsQueue, sqsTrigger } from "@millrace/sqs";\nimport { z } from "zod";\n`;
const url = (name: string): string => `"http://127.0.0.1:1/000000000000/${name}"`;

/** A file whose one DAG waits for the asset that `asset` makes. */
function waiting(dagId: string, asset: string, schedule = "asset"): string {
  return `${imports}export const asset = ${asset};\nexport default defineDag("${dagId}", { schedule: ${schedule} }, (dag) => { dag.task("t", () => 1); });\n`;
}

test("a dag id in two files: the first stays, the second says both names", async (t) => {
  const project = await DagProject.make(t, { "a.ts": simpleDag("same"), "b.ts": simpleDag("same") });
  const pass = await project.loader.load();
  assert.deepEqual(
    pass.files.map((file) => file.file),
    ["a.ts"],
  );
  assert.deepEqual(
    pass.errors.map((error) => [error.file, error.code, error.line]),
    [["b.ts", "DUPLICATE_DAG", 2]],
  );
  assert.match(pass.errors[0]?.message ?? "", /'same'.*'a\.ts'.*'b\.ts'/);
});

test("a dag id twice in one file", async (t) => {
  const project = await DagProject.make(t, {
    "a.ts": `${simpleDag("same")}export const other = defineDag("same", {}, (dag) => { dag.task("t", () => 1); });`,
  });
  assert.equal((await project.errorOf("a.ts")).code, "DUPLICATE_DAG");
});

test("a DAG that another file passes on stays with the file that makes it", async (t) => {
  const project = await DagProject.make(t, { "all.ts": `export { default as one } from "./one.ts";`, "one.ts": simpleDag("one") });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.deepEqual(
    pass.files.map((file) => [file.file, file.dags.length]),
    [
      ["all.ts", 0],
      ["one.ts", 1],
    ],
  );
});

test("a factory that two files call with one id is a duplicate", async (t) => {
  const call = `import { make } from "./lib.ts"; export default make("same");`;
  const lib = `import { defineDag } from "@millrace/sdk"; export const make = (id: string) => defineDag(id, {}, (dag) => { dag.task("t", () => 1); });`;
  const project = await DagProject.make(t, { "a.ts": call, "b.ts": `\n${call}`, "lib.ts": lib });
  assert.equal((await project.errorOf("b.ts")).code, "DUPLICATE_DAG");
});

test("equal assets merge, a bare reference takes the fuller one", async (t) => {
  const full = `defineAsset("readings", { group: "iot", schema: z.object({ celsius: z.number() }), watchers: { w: sqsTrigger({ queueUrl: ${url("q")} }) } })`;
  const project = await DagProject.make(t, {
    "a.ts": waiting("a", 'defineAsset("readings")', `each(asset, { where: "payload.celsius > 1.0" })`),
    "b.ts": waiting("b", full),
    "c.ts": waiting("c", full),
  });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.deepEqual(
    pass.files.map((file) => [file.assets[0]?.group, file.assets[0]?.watchers.length]),
    [
      ["iot", 1],
      ["iot", 1],
      ["iot", 1],
    ],
  );
});

test("the where of a bare reference is checked against the fuller asset's schema", async (t) => {
  const project = await DagProject.make(t, {
    "a.ts": waiting("a", 'defineAsset("readings")', `each(asset, { where: "payload.celcius > 1.0" })`),
    "b.ts": waiting("b", `defineAsset("readings", { schema: z.object({ celsius: z.number() }) })`),
  });
  assert.equal((await project.errorOf("a.ts")).code, "CEL_INVALID");
});

test("one asset defined in two ways", async (t) => {
  const project = await DagProject.make(t, {
    "a.ts": waiting("a", 'defineAsset("readings", { group: "iot" })'),
    "b.ts": waiting("b", 'defineAsset("readings", { group: "sales", description: "x" })'),
  });
  const error = await project.errorOf("b.ts");
  assert.deepEqual([error.code, error.line], ["ASSET_CONFLICT", 4]);
  assert.match(error.message, /'a\.ts' and in 'b\.ts': they differ in group, description/);
});

test("two different triggers on one queue, even in one file; equal ones share it", async (t) => {
  const asset = (name: string, extra = ""): string =>
    `defineAsset("${name}", { watchers: { w: sqsTrigger({ queueUrl: ${url("q")}${extra} }) } })`;
  const project = await DagProject.make(t, {
    "a.ts": waiting("a", asset("one")),
    "b.ts": waiting("b", asset("two")),
    "c.ts": waiting("c", asset("three", ", visibilityTimeout: 7")),
    "d.ts": `${imports}export const four = ${asset("four").replace("/q", "/other")};\nexport const five = ${asset("five", ", visibilityTimeout: 7").replace("/q", "/other")};`,
  });
  const pass = await project.loader.load();
  assert.deepEqual(
    pass.errors.map((error) => [error.file, error.code]),
    [
      ["c.ts", "QUEUE_SHARED"],
      ["d.ts", "QUEUE_SHARED"],
    ],
  );
  assert.match(pass.errors[0]?.message ?? "", /asset 'one' \('a\.ts'\)|asset 'two' \('b\.ts'\)/);
});

test("triggers and destinations are checked against their provider", async (t) => {
  const project = await DagProject.make(t, {
    "kind.ts": waiting("kind", `defineAsset("k", { watchers: { w: { kind: "pulsar", connection: "c", params: {} } } })`),
    "params.ts": waiting("params", `defineAsset("p", { watchers: { w: sqsTrigger({ queueUrl: "not a url" }) } })`),
    "connection.ts": waiting("connection", `defineAsset("c", { watchers: { w: sqsTrigger({ queueUrl: ${url("x")}, connection: "" }) } })`),
    "destination.ts": `${imports}const queue = sqsQueue({ queueUrl: 7 as never });\n${waiting("d", 'defineAsset("d")').slice(imports.length)}void queue;`,
  });
  const pass = await project.loader.load();
  const errors = Object.fromEntries(pass.errors.map((error) => [error.file, error]));
  assert.deepEqual(
    Object.values(errors).map((error) => [error.file, error.code, error.line]),
    [
      ["connection.ts", "BAD_TRIGGER", 4],
      ["destination.ts", "BAD_DESTINATION", 4],
      ["kind.ts", "TRIGGER_KIND_UNKNOWN", 4],
      ["params.ts", "BAD_TRIGGER", 4],
    ],
  );
  assert.match(errors["kind.ts"]?.hint ?? "", /npm install @millrace\/pulsar/);
  assert.match(errors["params.ts"]?.message ?? "", /'queueUrl' must match pattern .* \(https:\/\/sqs\..*\), got "not a url"/);
});

test("a misspelled param is told with the one it may mean", async (t) => {
  const project = await DagProject.make(t, {
    "param.ts": waiting("param", `defineAsset("p", { watchers: { w: sqsTrigger({ queueURL: ${url("x")} } as never) } })`),
    "more.ts": waiting("more", `defineAsset("m", { watchers: { w: sqsTrigger({ queueUrl: ${url("y")}, waitSeconds: 5 } as never) } })`),
  });
  const pass = await project.loader.load();
  assert.deepEqual(
    pass.errors.map(({ file, code, hint }) => [file, code, hint]),
    [
      ["more.ts", "BAD_TRIGGER", "the params are queueUrl, visibilityTimeout, waitTimeSeconds"],
      ["param.ts", "BAD_TRIGGER", "did you mean 'queueUrl' instead of 'queueURL'?"],
    ],
  );
  assert.match(pass.errors[0]!.message, /the value must not have a property 'waitSeconds'/);
});
