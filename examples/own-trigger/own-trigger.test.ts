import { strict as assert } from "node:assert";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import { markdownBlocks } from "../../scripts/markdown-blocks.ts";
import { startExample } from "../../scripts/start-example.ts";
import { openShop } from "./shop.ts";

const ROOT = join(import.meta.dirname, "../..");
const HAS_CURL = spawnSync("curl", ["--version"]).status === 0;
const CONNECTION = { MILLRACE_CONN_SHOP_API: JSON.stringify({ conn_type: "http", password: "demo" }) };

/** The example with its shop on another port, in a folder of its own. */
function copyExample(t: TestContext, port: number): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-own-trigger-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(import.meta.dirname, folder, { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  for (const name of ["own-trigger.ts", "shop.ts"]) {
    writeFileSync(join(folder, name), readFileSync(join(folder, name), "utf8").replaceAll("4570", String(port)));
  }
  return folder;
}

async function startShop(
  t: TestContext,
): Promise<{ readonly port: number; readonly order: (customer: string, total: number) => Promise<void> }> {
  const server: Server = await openShop(0);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const order = async (customer: string, total: number): Promise<void> => {
    const headers = { authorization: "Bearer demo" };
    const { status } = await fetch(`http://127.0.0.1:${port}/orders`, {
      method: "POST",
      headers,
      body: JSON.stringify({ customer, total }),
    });
    assert.equal(status, 201);
  };
  return { port, order };
}

test("every large order starts the DAG once", async (t) => {
  const shop = await startShop(t);
  const folder = copyExample(t, shop.port);
  for (let n = 0; n < 150; n += 1) await shop.order("Ada", n);
  const example = await startExample(t, relative(join(ROOT, "examples"), folder), CONNECTION);
  await eventually(async () => assert.equal((await example.runs("check_order")).length, 50));
  await shop.order("Grace", 1_000);
  await eventually(async () => {
    const all = await example.runs("check_order");
    assert.deepEqual(new Set(all.map(({ state }) => state)), new Set(["success"]));
    assert.equal(all.length, 51);
  });
  const { watchers } = await example.server.get<{ watchers: { kind: string; health: object; duplicates: object }[] }>("/watchers");
  assert.equal(watchers[0]?.kind, "shop.order_feed");
  assert.deepEqual(watchers[0]?.duplicates, { last_24_hours: 0, newest: null });
});

test("a shop that refuses is shown at the watcher, without the token", async (t) => {
  const { port } = await startShop(t);
  const wrong = { MILLRACE_CONN_SHOP_API: JSON.stringify({ conn_type: "http", password: "wrong-token" }) };
  const { server } = await startExample(t, relative(join(ROOT, "examples"), copyExample(t, port)), wrong, { needsWatchers: false });
  await eventually(async () => {
    const { watchers } = await server.get<{ watchers: { health: { last_error: string | null } }[] }>("/watchers");
    assert.match(watchers[0]?.health.last_error ?? "", /TRIGGER_FAILED: Error: the shop answered 401 \(at .*order-feed\.ts:\d+/);
  });
});

test(
  "the README's commands work as they are written",
  { skip: HAS_CURL ? false : "the README uses curl, which is not here" },
  async (t) => {
    const port = await freePort();
    const folder = copyExample(t, port);
    const home = mkdtempSync(join(tmpdir(), "millrace-own-trigger-home-"));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    const environment = { ...process.env, MILLRACE_HOME: home, MILLRACE_PORT: "0" };
    const blocks = markdownBlocks(join(import.meta.dirname, "README.md")).filter(({ language }) => language === "sh");
    const scripts = blocks.map(({ text }) => text.replaceAll("4570", String(port)).replaceAll("examples/own-trigger", folder));
    const [tryIt, shop, start, order, look] = scripts as [string, ...string[]];
    const run = (script: string): string => {
      const { status, stdout, stderr } = spawnSync("sh", ["-euc", script], { cwd: ROOT, env: environment, encoding: "utf8" });
      assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
      return stdout;
    };
    assert.match(run(tryIt), /a large order, by Ada/);
    startInBackground(t, shop!, environment);
    startInBackground(t, start!, environment);
    await eventually(() => run("npx millrace dags show check_order"));
    await eventually(() => run(order!));
    await eventually(() => assert.match(run(look!), /a large order, by Ada/));
  },
);

/** In a process group of its own, since what it runs (npx) starts more processes. */
function startInBackground(t: TestContext, script: string, env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn("sh", ["-euc", script], { cwd: ROOT, env, detached: true, stdio: "ignore" });
  const gone = new Promise((resolve) => child.once("exit", resolve));
  t.after(async () => {
    process.kill(-child.pid!, "SIGKILL");
    await gone;
  });
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
