// The message that the guide to the concepts follows, followed: its commands, in its order, on the example that it names.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, startFauxqs } from "@millrace/test-services";
import { markdownBlocks } from "./markdown-blocks.ts";
import { startExample } from "./start-example.ts";

const ROOT = join(import.meta.dirname, "..");
const BLOCKS = markdownBlocks(join(ROOT, "docs/guides/concepts.md"));

/** What differs from run to run, as `…`: ids, times, places. Columns are as wide as what they hold. */
function comparable(text: string): readonly string[] {
  return text
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{3}(Z|\+00:00_\w+)/g, "…")
    .replaceAll(/\b[\da-f]{8}-[\da-f-]{27}\b/g, "…")
    .replaceAll(/after \d+ ms|(?<=… +)\d+ ms/g, "…")
    .replaceAll(/\b(event|Dead letter +|^) ?\d{4,}/gm, "$1 …")
    .replaceAll(join(ROOT, "/"), "")
    .split("\n")
    .map((line) => line.replaceAll(/ {2,}/g, "  ").trimEnd())
    .filter((line) => line !== "");
}

test("concepts.md: what the commands print is what the guide shows", async (t) => {
  const sqs = await startFauxqs();
  t.after(() => sqs.stop());
  await sqs.createQueue({ name: "deliveries" });
  const folder = mkdtempSync(join(tmpdir(), "millrace-concepts-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const aws = sqs.connection();
  const { server, runs } = await startExample(t, "data-delivery", {
    // Its polls are short, so that a stop is quick.
    MILLRACE_CONN_AWS_DEFAULT: JSON.stringify({ ...aws, extra: { ...aws.extra, wait_time_seconds: 1 } }),
    MILLRACE_CONN_WAREHOUSE: JSON.stringify({ conn_type: "sqlite", host: join(folder, "sales.db") }),
  });
  const env = { ...process.env, MILLRACE_SERVER: server.address, MILLRACE_TOKEN: server.token };
  let summaryEvent = "8192";
  const run = (command: string): string => {
    const script = command.replace("8192", summaryEvent);
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: ROOT, env, encoding: "utf8" });
    assert.equal(status, 0, `${command}: ${stderr}`);
    return stdout;
  };
  const commandsOf = (word: string): readonly string[] =>
    BLOCKS.find(({ language, text }) => language === "sh" && text.includes(word))!
      .text.trimEnd()
      .split("\n");
  /** Every line that the guide shows below a command is printed by it. */
  const check = (command: string, shown: string): void => {
    const printed = comparable(run(command));
    for (const line of comparable(shown)) assert.ok(printed.includes(line), `${command}:\n${line}\n\n${printed.join("\n")}`);
  };
  const shownBelow = (command: string): string => {
    const at = BLOCKS.findIndex(({ text }) => text.trimEnd().split("\n").includes(command));
    return BLOCKS[at + 1]!.text;
  };

  for (const command of commandsOf("watchers list")) check(command, shownBelow(command));
  // One after the other, as a person types them.
  const [good, malformed, none] = commandsOf("publish") as [string, string, string];
  run(good);
  await eventually(async () =>
    assert.deepEqual(
      (await runs("summarize_sales")).map(({ state }) => state),
      ["success"],
    ),
  );
  run(malformed);
  await eventually(async () =>
    assert.deepEqual(
      (await runs("load_sales")).map(({ state }) => state),
      ["success", "failed"],
    ),
  );
  run(none);
  await eventually(() => assert.match(run("npx millrace dead-letters list"), /required property 'file'/));

  type Events = { asset_events: readonly { id: number; name: string }[] };
  const { asset_events: events } = await server.get<Events>("/assets/events");
  summaryEvent = String(events.find(({ name }) => name === "sales")!.id);
  for (const word of ["events list", "events explain", "runs show", "dead-letters show"]) {
    const command = commandsOf(word).at(-1)!;
    check(command, shownBelow(command));
  }
  const [pause, show, unpause] = commandsOf("dags pause") as [string, string, string];
  run(pause);
  run(good);
  await eventually(() => assert.match(run(show), /^Waiting +1 event for load_sales/m));
  assert.match(run(unpause), /1 event that waited is decided now/);
  await eventually(async () => assert.equal((await runs("load_sales")).filter(({ state }) => state === "success").length, 2));
});
