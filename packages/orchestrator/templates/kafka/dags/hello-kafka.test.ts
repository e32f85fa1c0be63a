import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

// Runs the DAG against one payload, without a server or a queue; it exits with 1, and so rejects, where the run fails.
test("a message is printed", async () => {
  const file = join(import.meta.dirname, "hello-kafka.ts");
  const { stdout } = await run("npx", ["millrace", "dags", "test", file, "--event", '{"name": "Ada"}']);
  assert.match(stdout, /a message came.*Ada/);
});
