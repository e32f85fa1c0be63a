import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "@millrace/test-services";
import { DagProject, simpleDag } from "./dag-project.ts";

const iotAlert = `
import { defineAsset, defineDag, each } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { z } from "zod";
import { threshold } from "./lib/threshold.ts";
import settings from "./settings.json" with { type: "json" };

export const readings = defineAsset("readings", {
  uri: "sqs://readings",
  extra: { owner: "iot" },
  schema: z.object({ sensor: z.string(), celsius: z.number(), at: z.string().default("now") }),
  watchers: { sqs_watcher: sqsTrigger({ queueUrl: "http://127.0.0.1:1/000000000000/readings" }) },
});
const alerts = defineAsset("alerts");
const queue = sqsQueue({ queueUrl: "http://127.0.0.1:1/000000000000/alerts", schema: z.object({ sensor: z.string() }) });

export default defineDag("iot", { schedule: each(readings, { where: "payload.celsius > 80" }), retries: 3, retryDelay: "1m30s", tags: ["iot"] }, (dag) => {
  const score = dag.task("score", ({ event }: any) => event.payload.celsius - threshold);
  const look = dag.task("look", { retries: 0, timeout: "5s", cpu: true }, () => settings.x);
  return dag.task("alert", { needs: { score }, after: [look, score], outlets: [alerts], inlets: [readings] }, ({ score, publish }: any) => publish(queue, score));
});
`;

test("a DAG file becomes data", async (t) => {
  const project = await DagProject.make(t, {
    "iot.ts": iotAlert,
    "lib/threshold.ts": "export const threshold: number = 80;",
    "settings.json": '{ "x": 1 }',
  });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  const file = pass.files.find((one) => one.file === "iot.ts");
  assert.ok(file);
  assert.equal(file.path, join(project.dags, "iot.ts"));
  assert.deepEqual(file.dags, [
    {
      dagId: "iot",
      description: null,
      tags: ["iot"],
      schedule: {
        kind: "each",
        text: 'each(readings, { where: "payload.celsius > 80" })',
        sources: [{ asset: "readings", where: "payload.celsius > 80" }],
      },
      maxActiveRuns: null,
      paramsSchema: null,
      tasks: [
        {
          id: "score",
          needs: [],
          after: [],
          retries: 3,
          retryDelayMs: 90_000,
          timeoutMs: null,
          isolation: "shared",
          outlets: [],
          inlets: [],
        },
        {
          id: "look",
          needs: [],
          after: [],
          retries: 0,
          retryDelayMs: 90_000,
          timeoutMs: 5_000,
          isolation: "process",
          outlets: [],
          inlets: [],
        },
        {
          id: "alert",
          needs: [{ name: "score", task: 0 }],
          after: [1],
          retries: 3,
          retryDelayMs: 90_000,
          timeoutMs: null,
          isolation: "shared",
          outlets: ["alerts"],
          inlets: ["readings"],
        },
      ],
      resultTask: 2,
    },
  ]);
  const readings = file.assets.find((asset) => asset.name === "readings");
  assert.deepEqual(readings?.watchers, [
    {
      name: "sqs_watcher",
      triggers: [{ kind: "sqs", connection: "aws_default", params: { queueUrl: "http://127.0.0.1:1/000000000000/readings" } }],
      unwrap: [],
      where: null,
      payload: null,
    },
  ]);
  assert.deepEqual(readings?.schema?.["required"], ["sensor", "celsius"], "the input side: a field with a default may be absent");
  assert.deepEqual(
    file.assets.map((asset) => asset.name),
    ["readings", "alerts"],
  );
  assert.deepEqual(file.destinations, [
    { kind: "sqs", connection: "aws_default", params: { queueUrl: "http://127.0.0.1:1/000000000000/alerts" } },
  ]);
  const bundle = await readFile(join(project.home, "bundles", `${file.bundleHash}.mjs`), "utf8");
  assert.match(bundle, /from "zod"/, "packages stay imports");
  assert.match(bundle, /threshold = 80/, "the project's own files are inlined");
});

test("helpers, tests and ignored files are no DAGs and no errors", async (t) => {
  const project = await DagProject.make(t, {
    "a.ts": simpleDag("a"),
    "deep/er/b.mjs": simpleDag("b"),
    "helper.ts": "export const x = 1;",
    "a.test.ts": "throw new Error('not to be imported');",
    "types.check.ts": "throw new Error('not to be imported');",
    ".hidden/c.ts": "throw new Error('not to be imported');",
    "node_modules/d/index.js": "throw new Error('not to be imported');",
    "scratch/e.ts": "throw new Error('not to be imported');",
    "old.ts": "throw new Error('not to be imported');",
    ".millraceignore": "scratch/\nold.*\n",
    "README.md": "no code",
  });
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.deepEqual(
    pass.files.map((file) => [file.file, file.dags.map((dag) => dag.dagId)]),
    [
      ["a.ts", ["a"]],
      ["deep/er/b.mjs", ["b"]],
      ["helper.ts", []],
    ],
  );
});

test("a folder that is not there is one clear error", async (t) => {
  const project = await DagProject.make(t, {}, { folders: ["/nowhere/at/all"] });
  await assert.rejects(project.loader.load(), { code: "DAGS_FOLDER_MISSING", message: /'\/nowhere\/at\/all'/ });
});

test("several folders and single files; names stay unique", async (t) => {
  const other = await DagProject.make(t, { "a.ts": simpleDag("other_a"), "b.ts": simpleDag("other_b") });
  const project = await DagProject.make(t, { "a.ts": simpleDag("a") });
  const both = await DagProject.make(t, {}, { folders: [project.dags, other.dags, join(project.dags, "a.ts")], environment: {} });
  const pass = await both.loader.load();
  assert.deepEqual(pass.errors, []);
  assert.deepEqual(
    pass.files.map((file) => file.file),
    ["a.ts", "dags/a.ts", "b.ts"],
  );
  const one = await both.loader.loadOne(join(other.dags, "b.ts"));
  assert.deepEqual(
    one.files.map((file) => file.dags[0]?.dagId),
    ["other_b"],
  );
  assert.equal(both.passes.length, 1, "loadOne is no pass");
});

test("import.meta names the source file, in helpers too", async (t) => {
  const project = await DagProject.make(t, {
    "main.ts": `import { defineDag } from "@millrace/sdk"; import { here } from "./lib/here.ts";
      export default defineDag("meta", { description: [import.meta.filename, here].join(" ") }, (dag) => { dag.task("t", () => 1); });`,
    "lib/here.ts": "export const here: string = import.meta.url;",
  });
  const pass = await project.loader.load();
  const description = pass.files.find((file) => file.file === "main.ts")?.dags[0]?.description;
  assert.equal(description, `${join(project.dags, "main.ts")} file://${join(project.dags, "lib/here.ts")}`);
});

test("an unchanged file is not evaluated again, a changed helper reloads who imports it", async (t) => {
  const stampedDag = (id: string): string =>
    `import { defineDag } from "@millrace/sdk"; import { name } from "./name.ts";
     export default defineDag(${JSON.stringify(id)}, { description: name + " " + Math.random() }, (dag) => { dag.task("t", () => 1); });`;
  const project = await DagProject.make(t, {
    "with.ts": stampedDag("with"),
    "without.ts": stampedDag("without").replace("./name.ts", "./other.ts"),
    "name.ts": 'export const name = "old";',
    "other.ts": 'export const name = "other";',
  });
  const description = (pass: Awaited<ReturnType<typeof project.loader.load>>, file: string) =>
    pass.files.find((one) => one.file === file)?.dags[0]?.description;
  const first = await project.loader.load();
  const second = await project.loader.load();
  assert.deepEqual(second, first);
  assert.equal(project.passes.length, 1, "the same picture is not delivered twice");
  await project.write("name.ts", 'export const name = "new";');
  const third = await project.loader.load();
  assert.match(description(third, "with.ts") ?? "", /^new /);
  assert.equal(description(third, "without.ts"), description(first, "without.ts"));
});

test("a saved file is live, a broken one becomes an error, a deleted one is gone", async (t) => {
  const project = await DagProject.make(t, { "a.ts": simpleDag("first") });
  await project.loader.start();
  const last = () => project.passes.at(-1);
  assert.deepEqual(
    last()?.files.map((file) => file.dags[0]?.dagId),
    ["first"],
  );
  await project.write("a.ts", simpleDag("second"));
  await eventually(() => assert.equal(last()?.files[0]?.dags[0]?.dagId, "second"));
  await project.write("sub/b.ts", simpleDag("third"));
  await eventually(() => assert.equal(last()?.files.length, 2));
  await project.write("a.ts", "export default (");
  await eventually(() => assert.equal(last()?.errors[0]?.code, "SYNTAX_ERROR"));
  await rm(join(project.dags, "a.ts"));
  await eventually(() => assert.deepEqual([last()?.errors.length, last()?.files.length], [0, 1]));
  await project.loader.stop();
  await project.loader.stop();
});

test("a pass whose delivery failed is delivered again", async (t) => {
  let calls = 0;
  const onPass = async (): Promise<void> => {
    calls += 1;
    if (calls === 1) throw new Error("the database is busy");
  };
  const project = await DagProject.make(t, { "a.ts": simpleDag("a") }, { onPass });
  await assert.rejects(project.loader.load(), /busy/);
  await project.loader.load();
  await project.loader.load();
  assert.equal(calls, 2);
});

test("stop before start is harmless", async (t) => {
  const project = await DagProject.make(t);
  await project.loader.stop();
});

test("a file that takes long keeps nobody waiting, and counts once it is there", async (t) => {
  const slow = (id: string, gate: string): string =>
    `import { existsSync } from "node:fs";\nwhile (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 20));\n${simpleDag(id)}`;
  const project = await DagProject.make(t, { "b.ts": simpleDag("quick") });
  const gate = join(project.dags, "gate");
  await project.write("a.ts", slow("slow", gate));
  await project.write("c.ts", "await new Promise(() => {});");
  await project.loader.start();
  const last = () => project.passes.at(-1);
  assert.deepEqual(
    last()?.files.map((file) => file.file),
    ["b.ts"],
  );
  assert.deepEqual(
    last()?.errors.map((error) => [error.file, error.code]),
    [
      ["a.ts", "IMPORT_RUNNING"],
      ["c.ts", "IMPORT_RUNNING"],
    ],
  );
  await writeFile(gate, "");
  await eventually(() => assert.equal(last()?.files[0]?.dags[0]?.dagId, "slow"));
  await project.write("c.ts", simpleDag("mended"));
  await eventually(() => assert.equal(last()?.files[2]?.dags[0]?.dagId, "mended"));
  assert.deepEqual(last()?.errors, []);
});

test("a stop interrupts an endless loop and delivers nothing of it; a start after that loads again", async (t) => {
  const project = await DagProject.make(t, { "a.ts": "for (;;);", "b.ts": simpleDag("b") });
  const loading = project.loader.load();
  await eventually(async () => assert.equal((await readdir(join(project.home, "bundles"))).length, 1));
  await project.loader.stop();
  await loading;
  assert.equal(project.passes.length, 0);
  await project.write("a.ts", simpleDag("a"));
  await project.loader.start();
  assert.deepEqual([project.passes[0]?.files.length, project.passes[0]?.errors.length], [2, 0]);
});
