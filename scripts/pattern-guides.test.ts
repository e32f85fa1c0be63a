// The guides to the patterns of use, tried out: what they say of `dags test` is so, and what can go wrong goes as they say.
import { strict as assert } from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import Database from "better-sqlite3";
import { type MarkdownBlock, markdownBlocks } from "./markdown-blocks.ts";

const ROOT = join(import.meta.dirname, "..");
const MILLRACE = `"${process.execPath}" "${join(ROOT, "packages/orchestrator/bin/millrace.js")}"`;

interface Guide {
  readonly folder: string;
  /** The commands under "Try it without …", in order. */
  readonly commands: readonly string[];
  /** Runs one of them. */
  readonly run: (command: string) => { readonly status: number | null; readonly output: string };
}

/** A project with the guide's first DAG file under the name that the guide gives it. */
function openGuide(t: TestContext, guide: string, file: string): Guide {
  const folder = mkdtempSync(join(tmpdir(), "millrace-pattern-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  mkdirSync(join(folder, "dags"));
  const blocks = markdownBlocks(join(ROOT, "docs/guides", guide));
  const isShell = ({ language }: MarkdownBlock): boolean => language === "sh";
  writeFileSync(join(folder, file), blocks.find(({ language }) => language === "ts")!.text);
  const commands = blocks
    .find((block) => isShell(block) && block.text.includes("dags test"))!
    .text.trimEnd()
    .split("\n");
  const run: Guide["run"] = (command) => {
    const script = command.replace("npx millrace", MILLRACE);
    const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: folder, encoding: "utf8" });
    return { status, output: stdout + stderr };
  };
  return { folder, commands, run };
}

/** The same command with another message. */
function withEvent(command: string, event: unknown): string {
  const changed = command.replace(/--event '.*'/, `--event '${JSON.stringify(event)}'`);
  assert.notEqual(changed, command);
  return changed;
}

test("data-delivery.md: a file is loaded once, a malformed one fails by its row, what is no delivery is a dead letter", (t) => {
  const { folder, commands, run } = openGuide(t, "data-delivery.md", "dags/orders.ts");
  writeFileSync(join(folder, "orders.csv"), "id,cents\no-1,250\no-2,1000\n");
  const [load = "", report = ""] = commands;
  for (const _time of [1, 2]) {
    const { status, output } = run(load);
    assert.equal(status, 0, output);
    assert.match(output, /→ {"file":"orders\.csv","rows":2}/);
  }
  const db = new Database(join(folder, "orders.db"), { readonly: true });
  t.after(() => db.close());
  assert.deepEqual(db.prepare("SELECT id, cents FROM orders ORDER BY id").raw().all(), [
    ["o-1", 250],
    ["o-2", 1000],
  ]);
  const reported = run(report);
  assert.equal(reported.status, 0, reported.output);
  assert.equal(run(withEvent(report, { file: "orders.csv", rows: 0 })).status, 1);

  writeFileSync(join(folder, "bad.csv"), "id,cents\no-3,many\n");
  const malformed = run(withEvent(load, { file: "bad.csv" }));
  assert.equal(malformed.status, 1);
  assert.match(malformed.output, /FailTask: bad\.csv: [^]*→ at \[0\]\.cents/);
  const noDelivery = run(withEvent(load, { path: "orders.csv" }));
  assert.match(noDelivery.output, /dead letter, SCHEMA: .*required property 'file'/);
});

test("iot-alerts.md: a reading above its limit alerts, one that is fine is filtered, one that is none is a dead letter", (t) => {
  const { commands, run } = openGuide(t, "iot-alerts.md", "dags/pressure.ts");
  const [high = "", fine = ""] = commands;
  const alerted = run(high);
  assert.equal(alerted.status, 0, alerted.output);
  assert.match(alerted.output, /publishes to kafka .*"boiler-alerts".*: {"sensor":"boiler-1","bar":9\.5,"excess":0\.5,/);
  const filtered = run(fine);
  assert.equal(filtered.status, 1);
  assert.match(filtered.output, /payload\.bar > 8\.0 is false/);
  const none = run(withEvent(high, { sensor: "boiler-1", bar: "n/a", at: "2026-11-21T12:00:00Z" }));
  assert.match(none.output, /dead letter, SCHEMA: .*'bar' must be number, got "n\/a"/);
});

test("inference.md: a request is answered, also where its features are wrong; a model that is not there fails the task", (t) => {
  const { folder, commands, run } = openGuide(t, "inference.md", "dags/score.ts");
  const [good = "", bad = ""] = commands;
  const withoutModel = run(good);
  assert.match(withoutModel.output, /ENOENT.*model\.json/);
  writeFileSync(join(folder, "dags/model.json"), `{"weights": [0.8, -0.4], "bias": 0.1}`);
  const answered = run(good);
  assert.equal(answered.status, 0, answered.output);
  assert.match(answered.output, /publishes to kafka .*"score-replies".*: {"id":"r-1","score":0\.52497\d+}/);
  const refused = run(bad);
  assert.equal(refused.status, 0, refused.output);
  assert.match(refused.output, /publishes to kafka .*: {"id":"r-2","error":".*expected array/);
});
