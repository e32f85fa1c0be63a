// What the guide to workers on other machines says is tried out: its commands, in its order, with names and ports of this machine.
import { strict as assert } from "node:assert";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import { BIN, findFreePort, makeProject } from "../packages/orchestrator/test/standalone-process.ts";
import { markdownBlocks } from "./markdown-blocks.ts";

const GUIDE = join(import.meta.dirname, "../docs/guides/remote-workers.md");
const DAG = `import { defineDag } from "@millrace/sdk";
export default defineDag("d", {}, (dag) => { dag.task("t", () => process.ppid); });`;

function startShell(t: TestContext, script: string, options: { cwd: string; env: Record<string, string> }) {
  const child: ChildProcess = spawn("sh", ["-ec", script], options);
  const shell = { child, out: "" };
  for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (chunk) => (shell.out += String(chunk)));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.after(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  return shell;
}

test("the guide's commands work: a server, its worker, and both again with TLS", async (t) => {
  const project = makeProject(t, { "d.ts": DAG });
  const bin = join(project.folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "millrace"), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`, { mode: 0o755 });
  const { MILLRACE_HOME: _home, ...environment } = project.environment;
  const env = { ...environment, PATH: `${bin}:${process.env["PATH"]}`, MILLRACE_PORT: "0", MILLRACE_LOCAL_WORKERS: "0" };
  const options = { cwd: project.folder, env };
  const blocks = markdownBlocks(GUIDE).filter(({ language }) => language === "sh");
  const start = async (index: number, port: number) => {
    const script = blocks[index]!.text.replaceAll(/npx millrace (standalone|worker) /g, "exec millrace $1 ")
      .replaceAll("npx millrace", "millrace")
      .replaceAll("8793", String(port))
      .replaceAll("scheduler.example.net", "localhost")
      .replaceAll("/var/lib/millrace-worker", join(project.folder, "worker"));
    return startShell(t, script, options);
  };
  const runOne = (): void => {
    const { status, stdout, stderr } = spawnSync(join(bin, "millrace"), ["dags", "trigger", "d", "--wait"], {
      ...options,
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
  };
  assert.equal(blocks.length, 6);

  const port = await findFreePort();
  const server = await start(0, port);
  await eventually(() =>
    assert.match(server.out, new RegExp(`^Workers +connect to 127\\.0\\.0\\.1:${port}; their token: \\S+/worker\\.token$`, "m")),
  );
  const worker = await start(1, port);
  await eventually(() => assert.match(worker.out, /connected to a scheduler/));
  runOne();
  const list = await start(2, port);
  await eventually(() => assert.match(list.out, / connected .* 0 of \d+ /));
  for (const { child } of [worker, server]) {
    child.kill("SIGTERM");
    await eventually(() => assert.equal(child.exitCode, 0));
  }

  const tlsPort = await findFreePort();
  const certificate = await start(3, tlsPort);
  await eventually(() => assert.equal(certificate.child.exitCode, 0, certificate.out));
  const secure = await start(4, tlsPort);
  await eventually(() => assert.match(secure.out, new RegExp(`^Workers +connect to \\S+:${tlsPort} with TLS; `, "m")));
  const trusting = await start(5, tlsPort);
  await eventually(() => assert.match(trusting.out, /connected to a scheduler/));
  runOne();
});
