import assert from "node:assert/strict";
import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { ImportError } from "../../src/domain/dag-folder.ts";
import type { DagLoaderOptions } from "../../src/dag-loader/dag-loader.ts";
import { DagProject, simpleDag } from "./dag-project.ts";

async function errorOf(t: TestContext, text: string, options: Partial<DagLoaderOptions> = {}): Promise<ImportError> {
  const project = await DagProject.make(t, { "bad.ts": text, "good.ts": simpleDag("good") }, options);
  const found = await project.errorOf("bad.ts");
  assert.deepEqual(
    project.passes[0]?.files.map((file) => file.file),
    ["good.ts"],
    "a broken file breaks only itself",
  );
  assert.notEqual(found.hint, "");
  return found;
}

const at = (error: ImportError) => [error.code, error.line, error.column];
const imports = `import { defineAsset, defineDag, each } from "@millrace/sdk";\n`;

test("a syntax error", async (t) => {
  const error = await errorOf(t, "\n\nexport default defineDag(;\n");
  assert.deepEqual(at(error), ["SYNTAX_ERROR", 3, 26]);
  assert.match(error.message, /Unexpected ";"/);
});

test("a syntax error beside import.meta", async (t) => {
  assert.deepEqual(at(await errorOf(t, "const here = import.meta.url;\nconst = 1;\n")), ["SYNTAX_ERROR", 2, 7]);
});

test("a throw while importing, with its place in the source", async (t) => {
  const error = await errorOf(
    t,
    `interface Nothing {}\nfunction look(): never {\n  throw new TypeError("no such table");\n}\nconst x: Nothing = look();\n`,
  );
  assert.deepEqual(at(error), ["IMPORT_THREW", 3, 9]);
  assert.equal(error.message, "TypeError: no such table");
  assert.match(error.stack, /at look \(.*bad\.ts:3:9\)\n.*bad\.ts:5:20/);
});

test("a name that does not exist says what to do", async (t) => {
  const unknown = await errorOf(
    t,
    `${imports}export default defineDag("d", {}, (dag) => void dag.task("t", { needs: { scoer } }, () => 1));\n`,
  );
  assert.deepEqual([unknown.message, unknown.hint], ["ReferenceError: scoer is not defined", "define or import it, or correct its name"]);
  const exported = await errorOf(t, `import { defineDags } from "@millrace/sdk";\nexport default defineDags("d", {}, () => {});\n`);
  assert.match(exported.message, /does not provide an export named 'defineDags'/);
  assert.match(exported.hint, /^correct the name/);
});

test("a misspelled name in a filter is told with the one it may mean", async (t) => {
  const schema = "{ sensor: z.string(), readings: z.array(z.object({ celsius: z.number() })) }";
  const filtered = (where: string): string =>
    `${imports}import { z } from "zod";\nconst a = defineAsset("a", { schema: z.object(${schema}) });\nexport default defineDag("d", { schedule: each(a, { where: ${JSON.stringify(where)} as never }) }, (dag) => void dag.task("t", () => 1));\n`;
  const hintOf = async (where: string): Promise<string> => (await errorOf(t, filtered(where))).hint;
  assert.equal(await hintOf("payload.senser == 'a'"), "did you mean 'sensor'?");
  assert.equal(await hintOf("paylod.sensor == 'a'"), "did you mean 'payload'?");
  assert.match(await hintOf("payload.unrelated == 'a'"), /filters\.md/);
});

test("a throw in a file with import.meta", async (t) => {
  const error = await errorOf(t, `const here = import.meta.url;\n\n  throw new Error(here);\n`);
  assert.deepEqual(at(error), ["IMPORT_THREW", 3, 9]);
});

test("a rejection that nobody handles", async (t) => {
  const error = await errorOf(t, `void Promise.reject(new Error("late"));\nawait new Promise((resolve) => setTimeout(resolve, 5000));\n`);
  assert.deepEqual([error.code, error.message, error.line], ["IMPORT_THREW", "Error: late", 1]);
});

test("an endless loop", async (t) => {
  const error = await errorOf(t, "for (;;);", { timeLimitMs: 1_500 });
  assert.equal(error.code, "IMPORT_TIMEOUT");
  assert.match(error.message, /1.5 s/);
});

test("a wait without end", async (t) => {
  assert.equal((await errorOf(t, "await new Promise(() => {});", { timeLimitMs: 1_500 })).code, "IMPORT_TIMEOUT");
});

test("a loop that an earlier file left behind is not blamed on the next one", async (t) => {
  const project = await DagProject.make(
    t,
    {
      "a.ts": `${simpleDag("a")}\nsetTimeout(() => { for (;;); }, 0);`,
      "b.ts": `await new Promise((resolve) => setTimeout(resolve, 20));\n${simpleDag("b")}`,
    },
    { timeLimitMs: 1_500 },
  );
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.equal(pass.files.length, 2);
});

test("too much memory, on the heap", async (t) => {
  const error = await errorOf(t, "const all = []; for (;;) all.push(new Array(1000).fill(Math.random()));", { memoryLimitMb: 60 });
  assert.equal(error.code, "IMPORT_OUT_OF_MEMORY");
});

test("too much memory, outside the heap", { skip: process.platform !== "linux" }, async (t) => {
  const text = `const all = []; for (;;) { all.push(Buffer.alloc(8_000_000, 1)); await new Promise((resolve) => setTimeout(resolve, 1)); }`;
  assert.equal((await errorOf(t, text, { memoryLimitMb: 150 })).code, "IMPORT_OUT_OF_MEMORY");
});

test("process.exit()", async (t) => {
  const error = await errorOf(t, "process.exit(3);");
  assert.equal(error.code, "IMPORT_CRASHED");
  assert.match(error.message, /exit code 3/);
});

test("a package that is not installed, until it is", async (t) => {
  const text = `import { z } from "zod";\nimport { x } from 'zood/mini';\nvoid [z, x];\n${simpleDag("late")}`;
  const project = await DagProject.make(t, { "bad.ts": text });
  const error = await project.errorOf("bad.ts");
  assert.deepEqual(at(error), ["UNRESOLVED_IMPORT", 2, 19]);
  assert.match(error.message, /'zood'/);
  assert.match(error.hint, /npm install zood/);

  await project.write("bad.ts", `import { z } from "zod";\nvoid z;\n${simpleDag("late")}`);
  await rm(join(project.root, "node_modules", "zod"));
  assert.match((await project.errorOf("bad.ts")).hint, /npm install zod/);
  await symlink(join(import.meta.dirname, "../../../../node_modules/zod"), join(project.root, "node_modules", "zod"));
  assert.deepEqual((await project.loader.load()).errors, [], "an install mends it, though the file is the same");
});

test("a file that is not there", async (t) => {
  const error = await errorOf(t, `import { x } from "./nothing.ts";\nvoid x;\n${simpleDag("x")}`);
  assert.deepEqual(at(error), ["UNRESOLVED_IMPORT", 1, 19]);
  assert.match(error.message, /\.\/nothing\.ts/);
});

test("an export that a module does not have", async (t) => {
  const error = await errorOf(t, `import { defineDagg } from "@millrace/sdk";\ndefineDagg();`);
  assert.equal(error.code, "IMPORT_THREW");
  assert.match(error.message, /defineDagg/);
  assert.equal(error.line, 1);
});

test("what the SDK refuses has its place", async (t) => {
  const error = await errorOf(
    t,
    `${imports}export default defineDag("x", {}, (dag) => {\n  dag.task("a", { retrys: 3 } as never, () => 1);\n});`,
  );
  assert.deepEqual(at(error), ["BAD_OPTION", 3, 7]);
  assert.equal(error.message, "task 'a': there is no option 'retrys'");
  assert.equal(error.hint, "did you mean 'retries'?");
});

test("what is typed and does not work yet", async (t) => {
  const error = await errorOf(
    t,
    `import { batch, defineAsset, defineDag } from "@millrace/sdk";\nconst a = defineAsset("a");\nexport default defineDag("x", {\n  schedule: batch(a, { maxWait: "1s" }) }, (dag) => { dag.task("t", () => 1); });`,
  );
  assert.deepEqual(at(error), ["NOT_YET_SUPPORTED", 4, 13]);
  assert.match(error.message, /`batch`/);
});

test("a schema that JSON Schema cannot express", async (t) => {
  const error = await errorOf(
    t,
    `import { defineAsset } from "@millrace/sdk";\nimport { z } from "zod";\nexport const a = defineAsset("a", { schema: z.object({ at: z.date() }) });`,
  );
  assert.deepEqual(at(error), ["NO_JSON_SCHEMA", 3, 18]);
  assert.match(error.message, /asset 'a': schema .*Date/);
});

test("a schema of a library that gives no JSON Schema", async (t) => {
  const text = `import { defineAsset } from "@millrace/sdk";
const schema = { "~standard": { version: 1, vendor: "valibot", validate: (value: unknown) => ({ value }) } } as const;
export const a = defineAsset("a", { schema });`;
  assert.deepEqual(at(await errorOf(t, text)), ["NO_JSON_SCHEMA", 3, 18]);
});

test("a where that does not type-check", async (t) => {
  const text = `${imports}import { z } from "zod";
const a = defineAsset("a", { schema: z.object({ celsius: z.number() }) });
export default defineDag("x", { schedule: each(a, { where: "payload.celsius > 'hot'" as string }) }, (dag) => { dag.task("t", () => 1); });`;
  const error = await errorOf(t, text);
  assert.deepEqual(at(error), ["CEL_INVALID", 4, 16]);
  assert.match(error.message, /dag 'x': where 'payload.celsius > 'hot''/);
});

test("exports that are no DAG", async (t) => {
  const promise = await errorOf(t, `${imports}export default Promise.resolve(defineDag("x", {}, (dag) => { dag.task("t", () => 1); }));`);
  assert.equal(promise.code, "EXPORT_NOT_A_DAG");
  assert.match(promise.message, /export 'default': .* promise/);
  const copy = await errorOf(t, `${imports}export const copy = { ...defineDag("x", {}, (dag) => { dag.task("t", () => 1); }) };`);
  assert.equal(copy.code, "EXPORT_NOT_A_DAG");
});

test("a DAG that is made and not exported is a warning, one of a helper is not", async (t) => {
  const project = await DagProject.make(t, {
    "a.ts": `${simpleDag("a")}defineDag("forgotten", {}, (dag) => { dag.task("t", () => 1); });`,
    "b.ts": `import { helper } from "./a2.ts"; void helper; ${simpleDag("b")}`,
    "a2.ts": `${simpleDag("a2")}export const helper = 1;`,
  });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  const warnings = Object.fromEntries(pass.files.map((file) => [file.file, file.warnings]));
  assert.equal(warnings["a.ts"]?.length, 1);
  assert.match(warnings["a.ts"]?.[0] ?? "", /'forgotten'/);
  assert.deepEqual([warnings["b.ts"], warnings["a2.ts"]], [[], []]);
});
