import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { DagProject, simpleDag } from "./dag-project.ts";

/** A DAG file that tries something and puts what came of it into its DAG's description. */
function trying(id: string, expression: string): string {
  return `import fs from "node:fs"; import child from "node:child_process"; import { Worker } from "node:worker_threads"; import { defineDag } from "@millrace/sdk";
function attempt(): string { try { return "got " + JSON.stringify(${expression}); } catch (error: any) { return error.code ?? String(error); } }
void [fs, child, Worker];
export default defineDag("${id}", { description: attempt() }, (dag) => { dag.task("t", () => 1); });`;
}

test("what a DAG file can reach while it is imported", async (t) => {
  const environment = {
    PATH: process.env["PATH"],
    HOME: "/home/someone",
    TZ: "UTC",
    MILLRACE_CONN_AWS_DEFAULT: '{"password":"secret"}',
    MILLRACE_DB_URL: "secret",
    AWS_SECRET_ACCESS_KEY: "secret",
    STAGE: "production",
    REGION: "eu",
    MILLRACE_DAG_ENV: "STAGE, REGION,ABSENT",
  };
  const project = await DagProject.make(t, {}, { environment });
  await writeFile(join(project.home, "secret.key"), "secret");
  await writeFile(join(project.root, ".env"), "MILLRACE_CONN_AWS_DEFAULT=secret");
  await mkdir(join(project.root, "data"));
  await writeFile(join(project.root, "data", "prices.csv"), "1,2");
  const files = {
    environment: "Object.keys(process.env).sort().join(' ')",
    parent: "fs.readFileSync('/proc/' + process.ppid + '/environ', 'utf8')",
    key: `fs.readFileSync(${JSON.stringify(join(project.home, "secret.key"))}, 'utf8')`,
    settings: `fs.readFileSync(${JSON.stringify(join(project.root, ".env"))}, 'utf8')`,
    passwd: "fs.readFileSync('/etc/passwd', 'utf8')",
    write: `fs.writeFileSync(${JSON.stringify(join(project.root, "written"))}, 'x')`,
    bundle: `fs.writeFileSync(${JSON.stringify(join(project.home, "bundles", "x.mjs"))}, 'x')`,
    process: "child.execFileSync('id').toString()",
    thread: "new Worker('1', { eval: true }).threadId",
    project: `fs.readFileSync(${JSON.stringify(join(project.root, "data", "prices.csv"))}, 'utf8')`,
  };
  for (const [name, expression] of Object.entries(files)) await project.write(`${name}.ts`, trying(name, expression));
  const pass = await project.loader.load();
  assert.deepEqual(pass.errors, []);
  const seen = Object.fromEntries(pass.files.map((file) => [file.dags[0]?.dagId, file.dags[0]?.description]));
  const { environment: variables, project: ownData, ...denied } = seen;
  // The shell that sets the limit of CPU time adds some of its own.
  assert.equal(variables?.replaceAll(/ (?:PWD|OLDPWD|SHLVL|_)\b/g, ""), 'got "HOME PATH REGION STAGE TZ"');
  assert.equal(ownData, 'got "1,2"');
  assert.deepEqual(
    denied,
    Object.fromEntries(
      ["parent", "key", "settings", "passwd", "write", "bundle", "process", "thread"].map((name) => [name, "ERR_ACCESS_DENIED"]),
    ),
  );
  assert.equal(existsSync(join(project.root, "written")), false);
});

test("an attempt that is not caught is an import error that says what to do", async (t) => {
  const project = await DagProject.make(t, {
    "bad.ts": `import { writeFileSync } from "node:fs";\nwriteFileSync("/tmp/x", "x");\n${simpleDag("x")}`,
  });
  const error = await project.errorOf("bad.ts");
  assert.deepEqual([error.code, error.line, error.hint], ["NOT_ALLOWED", 2, "do this inside a task"]);
});
