import { strict as assert } from "node:assert";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, startFauxqs } from "@millrace/test-services";
import { markdownBlocks } from "../../scripts/markdown-blocks.ts";
import { startExample } from "../../scripts/start-example.ts";

const ROOT = join(import.meta.dirname, "../..");
const printed = (payload: unknown): object => ({ event: "a message came", payload });
const HAS_CURL = spawnSync("curl", ["--version"]).status === 0;

test("a message on the queue is printed", async (t) => {
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  const queue = await sqs.createQueue({ name: "hello" });
  const server = await startExample(t, "hello-sqs", { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify(sqs.connection()) });
  await sqs.send(queue, ["hello", JSON.stringify({ name: "Ada" })]);
  await eventually(async () => {
    const lines = await server.logged("hello_sqs", "print");
    assert.deepEqual(new Set(lines), new Set([printed("hello"), printed({ name: "Ada" })]));
  });
  await eventually(async () => assert.deepEqual(await sqs.count(queue), { visible: 0, inFlight: 0 }));
});

test(
  "the README's commands work as they are written",
  { skip: HAS_CURL ? false : "the README uses curl, which is not here" },
  async (t) => {
    const port = String(await freePort());
    const home = mkdtempSync(join(tmpdir(), "millrace-hello-"));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    const environment = { ...process.env, FAUXQS_PORT: port, MILLRACE_HOME: home, MILLRACE_PORT: "0" };
    const blocks = markdownBlocks(join(import.meta.dirname, "README.md")).filter(({ language }) => language === "sh");
    const [tryIt, queueServer, start, send, look] = blocks.map(({ text }) => text.replaceAll("4566", port)) as [string, ...string[]];
    const run = (script: string): string => {
      const { status, stdout, stderr } = spawnSync("sh", ["-euc", script], { cwd: ROOT, env: environment, encoding: "utf8" });
      assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
      return stdout;
    };
    assert.match(run(tryIt), /a message came/);
    startInBackground(t, queueServer!, environment);
    await eventually(async () => assert.ok((await fetch(`http://127.0.0.1:${port}/health`)).ok));
    startInBackground(t, start!, environment);
    await eventually(() => run("npx millrace dags show hello_sqs"));
    run(send!);
    await eventually(() => assert.match(run(look!), /success[^]*a message came {"payload":"hello from SQS"}/));
  },
);

/** In a process group of its own, since what it runs (npm, npx) starts more processes. */
function startInBackground(t: TestContext, script: string, environment: NodeJS.ProcessEnv): void {
  const child = spawn("sh", ["-euc", script], { cwd: ROOT, env: environment, detached: true, stdio: "ignore" });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    process.kill(-child.pid!, "SIGKILL");
    await gone;
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
