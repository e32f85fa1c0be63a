import { strict as assert } from "node:assert";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeProject } from "./standalone-process.ts";

const ASKING = `import { defineDag } from "@millrace/sdk";
export default defineDag("asking", {}, (dag) => {
  dag.task("ask", async ({ connection, variable, log }) => {
    const { host, extra } = await connection("warehouse");
    log.info(\`\${host} \${JSON.stringify(extra)} \${(await variable("region")).length} \${process.env["STAGE"]} \${process.env["MILLRACE_VAR_REGION"]}\`);
  });
});
`;
const SETTINGS = `# of this project
MILLRACE_CONN_WAREHOUSE='{"conn_type": "http", "host": "from-file", "extra": {"a": 1}}'
MILLRACE_VAR_REGION=north # a comment
export STAGE="test"
MILLRACE_DAG_ENV=STAGE
`;

test("a command takes the working directory's .env, and what the environment says before that", async (t) => {
  const project = makeProject(t, { "asking.ts": ASKING });
  writeFileSync(join(project.folder, ".env"), SETTINGS);
  const fromFile = await project.run(["dags", "test", "dags/asking.ts"]);
  assert.equal(fromFile.code, 0, fromFile.err);
  assert.match(fromFile.out, /from-file {"a":1} 5 test undefined/);
  const elsewhere = await project.run(["dags", "test", "dags/asking.ts"], { MILLRACE_VAR_REGION: "southwest", STAGE: "" });
  assert.match(elsewhere.out, /from-file {"a":1} 9 {2}undefined/);
});

test("a folder that is called .env is none of ours", async (t) => {
  const project = makeProject(t);
  mkdirSync(join(project.folder, ".env"));
  assert.equal((await project.run(["--version"])).code, 0);
});
