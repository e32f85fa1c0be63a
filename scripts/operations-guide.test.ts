// What the operations guide says is tried out: its commands work, in its order, on a server with a dead letter.
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { BIN, makeProject } from "../packages/orchestrator/test/standalone-process.ts";
import { markdownBlocks } from "./markdown-blocks.ts";

const GUIDE = join(import.meta.dirname, "../docs/guides/operations.md");

const dagFile = (queue: string, celsius: string): string => `
import { defineAsset, defineDag } from "@millrace/sdk"; import { sqsTrigger } from "@millrace/sqs"; import { z } from "zod";
const readings = defineAsset("readings", { schema: z.object({ celsius: ${celsius} }), watchers: { w: sqsTrigger({ queueUrl: "${queue}" }) } });
export default defineDag("d", { schedule: readings }, (dag) => { dag.task("t", ({ event }) => event.payload.celsius); });`;

test("the operations guide's commands work, in their order", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const project = makeProject(t, { "d.ts": dagFile(queue, "z.number()") });
  const server = await project.start({ environment: { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) } });
  await sqs.send(queue, [JSON.stringify({ celsius: "hot" }), "no JSON"]);
  await eventually(async () => assert.equal((await server.get("/api/v2/deadLetters")).body.total_entries, 2));
  const bin = join(project.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, { mode: 0o755 });
  const env = { ...project.environment, PATH: `${bin}:${process.env["PATH"]}` };
  const run = async (text: string): Promise<string> => {
    const script = text.replaceAll("npx millrace", "millrace");
    return (await promisify(execFile)("sh", ["-ec", script], { cwd: project.folder, env })).stdout;
  };
  const [list, letters, replay, holding, purge, backup, restore, ...more] = markdownBlocks(GUIDE).filter(
    ({ language }) => language === "sh",
  );
  assert.deepEqual(more, []);
  assert.match(await run(list!.text), /SCHEMA: .*must be number/);
  project.write("d.ts", dagFile(queue, "z.number().or(z.string())"));
  const version = async (): Promise<number> => (await server.get("/api/v2/dags/d/details")).body.latest_dag_version.version_number;
  await eventually(async () => assert.equal(await version(), 2));
  assert.match(await run(letters!.text), /would replay 1 dead letter: [^]*\nreplayed 1 dead letter: [^]*\ndiscarded 1 dead letter\n$/);
  await eventually(async () => assert.equal((await server.get("/api/v2/dags/d/dagRuns?state=success")).body.total_entries, 1));
  assert.match(
    await run(replay!.text),
    /^would replay 0 events for 0 DAGs, of 1 looked at and 1 selected\n[^]*\nd +0 +1 with a run, or waiting\n[^]*of 1 looked at and 0 selected\n/,
  );
  assert.match(
    await run(holding!.text),
    /^readings\.w +sqs .* streaming [^]*^Watcher +readings\.w\n[^]*^State +streaming\n[^]*^d +active [^]*^\d+ +scheduler\+triggerer\+api-server /m,
  );
  const [retention, ...files] = markdownBlocks(GUIDE).filter(({ language }) => language === "ts");
  assert.deepEqual(files, []);
  project.write("retention.ts", retention!.text);
  await eventually(async () => assert.equal((await server.get("/api/v2/dags/evaluate_reading")).status, 200));
  assert.equal(await run(purge!.text), "nothing is older than 7d\n".repeat(2));
  assert.match(await run(backup!.text), /current$[^]*^the file is sound +ok$[^]*millrace-backup\.db/m);
  assert.equal(await server.stop(), 0);
  assert.match(await run(restore!.text), /kept as [^]*^every run has its dag version +ok$/m);
});
