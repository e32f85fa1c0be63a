// What the guide to PostgreSQL says is tried out: its statements and commands work, in its order, around a server.
import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { eventually, skipWithout } from "@millrace/test-services";
import { asAdmin, sharedPostgres } from "../packages/orchestrator/test/postgres-database.ts";
import { BIN, makeProject } from "../packages/orchestrator/test/standalone-process.ts";
import { markdownBlocks } from "./markdown-blocks.ts";

const GUIDE = join(import.meta.dirname, "../docs/guides/postgresql.md");
const ADDRESS = "127.0.0.1:5432";
const FILE = `import { defineDag } from "@millrace/sdk";
export default defineDag("d", {}, (dag) => { dag.task("t", () => 1); });`;

test("the PostgreSQL guide's statements and commands work, in their order", { skip: skipWithout("postgres") }, async (t) => {
  const postgres = await sharedPostgres();
  const blocks = markdownBlocks(GUIDE);
  const [create, ...others] = blocks.filter(({ language }) => language === "sql");
  const [first, backup, restore, ...more] = blocks.filter(({ language }) => language === "sh");
  assert.deepEqual([...others, ...more], []);
  for (const statement of create!.text.split(";\n").filter((text) => text.trim() !== "")) await asAdmin(postgres.url(), statement);

  const project = makeProject(t, { "d.ts": FILE });
  const bin = join(project.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, { mode: 0o755 });
  const address = /'(postgres:[^']+)'/.exec(first!.text)![1]!.replace(ADDRESS, `127.0.0.1:${postgres.port}`);
  const env = { ...project.environment, PATH: `${bin}:${process.env["PATH"]}`, MILLRACE_DB_URL: address };
  const run = async (text: string): Promise<string> => {
    const script = text.replaceAll("npx millrace", "millrace").replace(ADDRESS, `127.0.0.1:${postgres.port}`);
    return (await promisify(execFile)("sh", ["-ec", script], { cwd: project.folder, env })).stdout;
  };
  assert.match(await run(first!.text), /^schema version 0 became \d+$[^]*^Schema +\d+, current$/m);
  const server = await project.start({ environment: { MILLRACE_DB_URL: address } });
  const created = await server.post("/api/v2/dags/d/dagRuns", { logical_date: null });
  const path = `/api/v2/dags/d/dagRuns/${encodeURIComponent(created.body.dag_run_id)}`;
  await eventually(async () => assert.equal((await server.get(path)).body.state, "success"));
  assert.match(await run(backup!.text), /^every index is valid +ok$[^]*millrace\.dump/m);
  await assert.rejects(run(restore!.text), /a Millrace process uses this database/);
  assert.equal(await server.stop(), 0);
  assert.match(await run(restore!.text), /kept as schema before_restore_[^]*^every run has its dag version +ok$/m);
  const again = await project.start({ environment: { MILLRACE_DB_URL: address } });
  assert.equal((await again.get(path)).body.state, "success");
});
