// The guides to triggers of one's own and to envelopes, tried out: their DAGs run, on what the guides say comes.
import { strict as assert } from "node:assert";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually, sharedFauxqs } from "@millrace/test-services";
import { markdownBlocks } from "./markdown-blocks.ts";
import { type RunningExample, startExample } from "./start-example.ts";

const ROOT = join(import.meta.dirname, "..");

function snippets(guide: string, language: string): readonly string[] {
  return markdownBlocks(join(ROOT, "docs/guides", guide))
    .filter((block) => block.language === language)
    .map(({ text }) => text);
}

/** Runs a snippet as a DAG file of its own. */
async function runSnippet(t: TestContext, text: string, environment: Record<string, string> = {}): Promise<RunningExample> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-guide-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "dags"));
  writeFileSync(join(folder, "dags/snippet.ts"), text);
  return startExample(t, relative(join(ROOT, "examples"), join(folder, "dags")), environment);
}

async function values(example: RunningExample, dagId: string, taskId: string): Promise<readonly unknown[]> {
  const done = (await example.runs(dagId)).filter(({ state }) => state === "success");
  const paths = done.map(
    ({ dag_run_id: id }) => `/dags/${dagId}/dagRuns/${encodeURIComponent(id)}/taskInstances/${taskId}/xcomEntries/return_value`,
  );
  const entries = await Promise.all(paths.map((path) => example.server.get<{ value: unknown }>(path)));
  return entries.map(({ value }) => value);
}

test("own-triggers.md: the feed is read from its cursor on", async (t) => {
  const asked: string[] = [];
  const orders = [1, 2, 3].map((id) => ({ id, total: id * 10 }));
  const shop = createServer(({ url = "" }, response) => {
    asked.push(url);
    const after = Number(/after=(\d+)/.exec(url)?.[1]);
    response.end(JSON.stringify(orders.filter(({ id }) => id > after)));
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    shop.closeAllConnections();
    shop.close();
  });
  const [feed = ""] = snippets("own-triggers.md", "ts");
  const example = await runSnippet(t, feed.replace("127.0.0.1:4571", `127.0.0.1:${(shop.address() as AddressInfo).port}`));
  await eventually(async () =>
    assert.deepEqual(
      (await example.runs("book_order")).map(({ state }) => state),
      ["success", "success", "success"],
    ),
  );
  assert.equal(asked[0], "/orders?after=0");
  await eventually(() => assert.equal(asked.at(-1), "/orders?after=3"));
});

test("own-triggers.md: a dropped file is moved away once it is stored", async (t) => {
  const drop = mkdtempSync(join(tmpdir(), "millrace-drop-"));
  t.after(() => rmSync(drop, { recursive: true, force: true }));
  writeFileSync(join(drop, "a.txt"), "first");
  const example = await runSnippet(t, snippets("own-triggers.md", "ts")[1]!.replace("/tmp/dropped-files", drop));
  writeFileSync(join(drop, "b.txt"), "second");
  await eventually(async () => {
    assert.equal((await example.runs("read_dropped")).filter(({ state }) => state === "success").length, 2);
    assert.ok(existsSync(join(drop, "done/a.txt")) && existsSync(join(drop, "done/b.txt")));
  });
  assert.equal(readFileSync(join(drop, "done/b.txt"), "utf8"), "second");
});

test("envelopes.md: the message of the guide is the events that the guide says", async (t) => {
  const sqs = await sharedFauxqs();
  const queue = await sqs.createQueue();
  const aws = sqs.connection();
  // Its polls are short, so that a stop is quick.
  const environment = { MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ ...aws, extra: { ...aws.extra, wait_time_seconds: 1 } }) };
  const [uploads = ""] = snippets("envelopes.md", "ts");
  const example = await runSnippet(t, uploads.replace(/https:\/\/sqs[^"]*/, queue), environment);
  await sqs.send(queue, snippets("envelopes.md", "json"));
  await eventually(async () => assert.deepEqual(await values(example, "load_upload", "load"), ["in/2026/my sales.csv"]));
  const { asset_events: events } = await example.server.get<{ asset_events: { extra: { payload: unknown } }[] }>("/assets/events");
  assert.deepEqual(
    events.map(({ extra }) => extra.payload),
    [
      { bucket: "in", key: "2026/my sales.csv", bytes: 1024 },
      { bucket: "in", key: "notes.txt", bytes: 7 },
    ],
  );
});
