// What the guide to many processes says is tried out: its commands start a cluster, which survives the kill of a scheduler.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, findFreePorts, skipWithout } from "@millrace/test-services";
import { asAdmin, createDatabase } from "../packages/orchestrator/test/postgres-database.ts";
import { ADMIN_PASSWORD, BIN, makeProject } from "../packages/orchestrator/test/standalone-process.ts";
import { markdownBlocks } from "./markdown-blocks.ts";

const GUIDE = join(import.meta.dirname, "../docs/guides/many-processes.md");
const FILE = `import { defineDag } from "@millrace/sdk";
export default defineDag("d", {}, (dag) => { dag.task("t", () => 1); });`;
const WITHIN = { withinMs: 90_000 };

test(
  "the commands of the guide to many processes start a cluster, which outlives one of its schedulers",
  { skip: skipWithout("postgres") },
  async (t) => {
    const [block, ...others] = markdownBlocks(GUIDE).filter(({ language }) => language === "sh");
    assert.deepEqual(others, []);
    const url = await createDatabase();
    const [port] = await findFreePorts(1);
    const project = makeProject(t, { "d.ts": FILE });
    const bin = join(project.folder, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, { mode: 0o755 });
    const script = block!.text
      .replace(/'postgres:[^']+'/, `'${url}'`)
      .replaceAll("npx millrace", "millrace")
      .replace("--port 8080", `--port ${port}`);
    const env = { ...project.environment, PATH: `${bin}:${process.env["PATH"]}`, MILLRACE_ADMIN_PASSWORD: ADMIN_PASSWORD };
    const shell = spawn("sh", ["-ec", `${script}\nwait`], { cwd: project.folder, env, detached: true, stdio: "inherit" });
    t.after(() => process.kill(-shell.pid!, "SIGKILL"));

    const client = { ...env, MILLRACE_HOME: join(project.folder, ".millrace/a1") };
    const trigger = async (): Promise<void> => {
      const { code, out, err } = await project.run(["dags", "trigger", "d", "--wait"], client);
      assert.equal(code, 0, out + err);
    };
    await eventually(trigger, WITHIN);
    const live = "SELECT id, pid FROM process WHERE state = 'live' AND roles = 'scheduler' ORDER BY id";
    await eventually(async () => assert.equal((await asAdmin(url, live)).length, 2), WITHIN);
    process.kill(Number((await asAdmin(url, live))[0]!["pid"]), "SIGKILL");
    await trigger();
    await eventually(async () => assert.equal((await asAdmin(url, live)).length, 1), WITHIN);
    await trigger();
  },
);
