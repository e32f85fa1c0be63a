// Addons load where a DAG file is imported, under Node's permission model, and in workers. scripts/pack/project.test.ts has onnxruntime-node.
import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { startEngine } from "./engine-harness.ts";

const file = (database: string): string => `import Database from "better-sqlite3";
import { defineDag } from "@millrace/sdk";
const { version } = new Database(":memory:").prepare("SELECT sqlite_version() AS version").get() as { version: string };
export default defineDag("native", { description: version }, (dag) => {
  dag.task("write", () => {
    const db = new Database(${JSON.stringify(database)});
    db.exec("CREATE TABLE reading (celsius REAL); INSERT INTO reading VALUES (61.5)");
    db.close();
    return version;
  });
});
`;

test("better-sqlite3 works while a DAG file is imported, and in its task", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-native-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const database = join(folder, "readings.db");
  const harness = await startEngine(t, { files: { "native.ts": file(database) } });
  assert.deepEqual(harness.engine.lastPass.errors, []);
  const version = harness.engine.lastPass.files[0]!.dags[0]!.description;
  assert.match(version ?? "", /^3\.\d+/);
  assert.equal((await harness.run("native")).tasks[0]!.value, version);
  const written = new Database(database, { readonly: true });
  t.after(() => written.close());
  assert.deepEqual(written.prepare("SELECT celsius FROM reading").all(), [{ celsius: 61.5 }]);
});
