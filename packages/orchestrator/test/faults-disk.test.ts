// A full disk: a database that may not grow behaves as one without room does (SQLITE_FULL).
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { startEngine } from "./engine-harness.ts";

test("while the disk is full messages wait in the broker; with room again each has one event and one finished run", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue({ attributes: { VisibilityTimeout: "2" } });
  const engine = await startEngine(t, {
    environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) },
    files: {
      "d.ts": `import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs";
        const a = defineAsset("a", { watchers: { w: sqsTrigger({ queueUrl: "${queue}" }) } });
        export default defineDag("d", { schedule: a }, (dag) => { dag.task("t", ({ event }) => event.payload); });`,
    },
  });
  const { db } = engine;
  const count = (table: string, where = "1"): unknown => db.prepare(`SELECT count(*) FROM ${table} WHERE ${where}`).pluck().get();
  const pad = "x".repeat(20_000);
  const messages = Array.from({ length: 60 }, (_, n) => JSON.stringify({ n, pad }));
  await sqs.send(queue, messages.slice(0, 20));
  await eventually(() => assert.equal(count("dag_run", "state = 10"), 20));
  db.pragma(`max_page_count = ${(db.pragma("page_count", { simple: true }) as number) + 20}`);
  await sqs.send(queue, messages.slice(20));
  await eventually(() => assert.match(engine.warnings.join("\n"), /the metadata DB takes no commits: database or disk is full/));
  await eventually(() => assert.equal(engine.engine.triggerer.health()[0]!.state, "failing"));
  assert.ok((count("asset_event") as number) < 60);
  db.pragma("max_page_count = 1000000");
  await eventually(() => assert.equal(count("dag_run", "state = 10"), 60));
  assert.equal(count("dag_run"), 60);
  assert.equal(count("asset_event"), 60);
  await eventually(async () => assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 }));
  assert.ok(engine.warnings.filter((line) => line.includes("takes no commits")).length <= 5, "said once for each time");
});

test("a stop ends although the disk is full, and the next start finishes what was left", async (t) => {
  const files = {
    "d.ts": `import { defineDag } from "@millrace/sdk";
      export default defineDag("d", {}, (dag) => { dag.task("t", async () => { await new Promise((resolve) => setTimeout(resolve, 100)); return "x".repeat(200_000); }); });`,
  };
  const engine = await startEngine(t, { files });
  const runs = await Promise.all(Array.from({ length: 5 }, () => engine.create("d")));
  engine.db.pragma(`max_page_count = ${engine.db.pragma("page_count", { simple: true }) as number}`);
  await eventually(() => assert.match(engine.warnings.join("\n"), /takes no commits/));
  await engine.stop(500);
  const again = await startEngine(t, { files, home: engine.home });
  for (const id of runs) assert.equal((await again.ended(id)).state, 10);
  assert.deepEqual(again.db.prepare("SELECT DISTINCT rescues FROM dag_run").pluck().all(), [0], "an orderly stop is no crash");
});
