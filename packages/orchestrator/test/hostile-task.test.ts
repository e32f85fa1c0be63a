// What a task can reach of the server's secrets and of another task's; dag-loader/hostile-file.test.ts does the same for the import of a file.
import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startEngine } from "./engine-harness.ts";

const SECRETS = {
  MILLRACE_SECRET_KEY: `s3cr3t${"A".repeat(37)}=`,
  MILLRACE_ADMIN_PASSWORD: "s3cr3t-password",
  MILLRACE_CONN_WAREHOUSE: '{"conn_type": "postgres", "host": "db", "password": "s3cr3t-of-the-warehouse"}',
  AIRFLOW_CONN_OLD: "postgres://user:s3cr3t-of-old@db/x",
  MILLRACE_VAR_TOKEN: "s3cr3t-token",
  AWS_SECRET_ACCESS_KEY: "s3cr3t-of-aws",
};

/** Looks for the secrets in all that is reachable from the roots by properties, symbols, maps and sets. */
const SEARCH = `
function search(roots: readonly unknown[]): string[] {
  const seen = new Set<unknown>();
  const found: string[] = [];
  const queue: (readonly [string, unknown])[] = Object.entries(roots);
  for (let at = 0; at < queue.length && at < 300_000; at += 1) {
    const [path, value] = queue[at]!;
    if (typeof value === "string" && value.includes("s3cr3t")) found.push(path);
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Map || value instanceof Set) queue.push(...[...value.entries()].flat().map((entry) => [path + ".entry", entry] as const));
    for (const key of Reflect.ownKeys(value)) {
      try { queue.push([path + "." + String(key), (value as any)[key]]); } catch {}
    }
  }
  return found;
}`;

const file = (gate: string): string => `import { existsSync, writeFileSync } from "node:fs";
import * as sdk from "@millrace/sdk";
import * as internal from "@millrace/sdk/internal";
import * as provider from "@millrace/sdk/provider";
${SEARCH}
export const holder = sdk.defineDag("holder", {}, (dag) => {
  dag.task("hold", async ({ connection }) => {
    const warehouse = await connection("warehouse");
    writeFileSync(${JSON.stringify(`${gate}.held`)}, "");
    while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 10));
    return [warehouse.password?.length, process.pid];
  });
});
export const thief = sdk.defineDag("thief", {}, (dag) => {
  dag.task("look", async (context) => {
    while (!existsSync(${JSON.stringify(`${gate}.held`)})) await new Promise((resolve) => setTimeout(resolve, 10));
    const found = search([globalThis, process, process.env, process.argv, sdk, internal, provider, context, "s3cr3t: the control"]);
    return { pid: process.pid, names: Object.keys(process.env), found };
  });
  dag.task("ask", async ({ connection, variable }) => {
    const said = async (asked: Promise<unknown>): Promise<string> => asked.then(() => "got it", (error: Error) => error.message);
    return {
      absent: await said(connection("nope")),
      path: await said(connection("../warehouse")),
      name: await said(connection("MILLRACE_SECRET_KEY")),
      prototype: await said(connection("__proto__")),
      empty: await said(connection("")),
      object: await said(connection({ id: "warehouse" } as never)),
      key: await said(variable("secret_key")),
      database: await said(variable("db_url")),
      other: await said(variable("../CONN_WAREHOUSE")),
    };
  });
});
`;

test("a task finds no secrets: not the server's, and not those that another task of its worker has asked for", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-hostile-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const gate = join(folder, "gate");
  const environment = { ...SECRETS, MILLRACE_DB_URL: `sqlite:${join(folder, "s3cr3t.db")}` };
  const engine = await startEngine(t, { environment, files: { "hostile.ts": file(gate) }, maxWorkers: 1 });
  const held = await engine.create("holder");
  const { tasks } = await engine.run("thief");
  writeFileSync(gate, "");
  const [length, pid] = (await engine.ended(held)).tasks[0]!.value as [number, number];
  const looked = tasks[0]!.value as { pid: number; names: string[]; found: string[] };
  assert.equal(length, "s3cr3t-of-the-warehouse".length);
  assert.equal(looked.pid, pid, "both ran in one worker");
  assert.deepEqual(
    looked.names.filter((name) => !["PATH", "HOME", "LANG", "TZ", "TMPDIR", "NODE_ENV"].includes(name)),
    [],
  );
  assert.deepEqual(looked.found, ["8"], "the control alone");
  for (const [name, said] of Object.entries(tasks[1]!.value as Record<string, string>)) {
    assert.match(said, /^(connection|variable)( '.*')?: expected .+/, name);
    assert.doesNotMatch(said, /s3cr3t/);
  }
});
