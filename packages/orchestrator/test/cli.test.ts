import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import type { Command } from "commander";
import { createProgram } from "../src/cli/create-program.ts";
import { findServerFile, removeServerFile, writeServerFile } from "../src/cli/server-file.ts";
import { formatDagRunId } from "../src/domain/ids.ts";
import { startApi } from "./api-harness.ts";
import { makeHome, run, startServer } from "./cli-harness.ts";
import { SEED, SEEDED_AT } from "./seeded-database.ts";

const HOT = formatDagRunId("asset_triggered", SEEDED_AT + 1000, SEED.hotRun);
const FAILED = formatDagRunId("asset_triggered", SEEDED_AT + 1000, SEED.failedRun);

test("the server file is its owner's alone, and only its writer removes it", (t) => {
  const home = join(makeHome(t), "deeper");
  assert.equal(findServerFile(home), null);
  const server = { address: "http://127.0.0.1:1", token: "t", pid: process.pid };
  writeServerFile(home, { ...server, pid: 1 });
  removeServerFile(home);
  assert.equal(findServerFile(home)?.pid, 1);
  writeServerFile(home, server);
  assert.deepEqual(findServerFile(home), server);
  assert.equal(statSync(join(home, "server.json")).mode & 0o777, 0o600);
  removeServerFile(home);
  removeServerFile(home);
  assert.equal(findServerFile(home), null);
  writeFileSync(join(home, "server.json"), "{");
  assert.throws(() => findServerFile(home), { code: "SERVER_NOT_RUNNING", message: /server\.json/ });
});

test("without a server, a command says so and what to do", async (t) => {
  const home = makeHome(t);
  const none = await run(home, ["dags", "list"]);
  assert.deepEqual([none.code, none.out], [1, ""]);
  assert.match(none.err, /^error: no server runs on '.*'\nhint: start one with `millrace standalone`.*\ncode: SERVER_NOT_RUNNING\n$/);
  writeServerFile(home, { address: "http://127.0.0.1:9", token: "t", pid: 2 ** 22 + 1 });
  assert.match((await run(home, ["dags", "list"])).err, /process 4194305\) is gone/);
  assert.match((await run(home, ["dags", "list", "--server", "http://127.0.0.1:9"])).err, /no server answers at http:\/\/127\.0\.0\.1:9/);
  const debug = await run(home, ["dags", "list"], { MILLRACE_LOG_LEVEL: "debug" });
  assert.match(debug.err, /\n {4}at /);
  assert.doesNotMatch(none.err, /\n {4}at /);
});

test("a command line that is not understood is exit code 2", async (t) => {
  const home = makeHome(t);
  const refused = async (args: readonly string[], err: RegExp, input = ""): Promise<void> => {
    const result = await run(home, args, {}, input);
    assert.equal(result.code, 2, `${args.join(" ")}: ${result.err}`);
    assert.match(result.err, err);
  };
  await refused(["dag"], /unknown command 'dag'.*\n\(Did you mean dags\?\)/);
  await refused(["dags"], /Usage: millrace dags/);
  await refused(["dags", "list", "-o", "xml"], /Allowed choices are table, json, yaml/);
  await refused(["dags", "show"], /missing required argument 'dag'/);
  await refused(["runs", "list", "--limit", "0"], /--limit: expected an integer from 1, got '0'/);
  await refused(["runs", "list", "--state", "sucess"], /Allowed choices are queued, running, success, failed/);
  await refused(["events", "explain", "x"], /expected the id of an event/);
  await refused(["dags", "trigger", "x", "--payload", "{"], /--payload: expected JSON/);
  await refused(["dags", "trigger", "x", "--payload", "-"], /--payload: expected JSON in '-'/, "nope");
  await refused(["dags", "trigger", "x", "--payload", "@/no/such/file"], /cannot read '\/no\/such\/file'/);
  await refused(["dags", "trigger", "x", "--conf", "[1]"], /--conf: expected a JSON object, got '\[1\]'/);
  await refused(["dags", "list", "--server", "localhost"], /--server: expected an address like/);
  await refused(
    ["standalone", "--port", "http"],
    /^error: --port \(MILLRACE_PORT\): expected an integer.*\nhint: .*\ncode: CONFIG_INVALID/,
  );
  await refused(["standalone", "--db", "mysql://u:s3cret@h/d"], /code: DB_URL_UNKNOWN/);
  await refused(["scheduler", "--db", "sqlite:x.db"], /expected a PostgreSQL address for `millrace scheduler`, got a SQLite file/);
});

function leavesOf(command: Command): string[] {
  return command.commands.flatMap((child) =>
    child.commands.length === 0 ? [child.name()] : leavesOf(child).map((name) => `${child.name()} ${name}`),
  );
}

test("--help has examples, everywhere", async (t) => {
  const home = makeHome(t);
  const leaves = leavesOf(createProgram({ env: {}, setExitCode: () => undefined }));
  assert.ok(leaves.length > 30);
  await Promise.all(
    ["", ...leaves].map(async (path) => {
      const { code, out } = await run(home, [...path.split(" ").filter(Boolean), "--help"]);
      assert.equal(code, 0);
      assert.match(out, /\nExamples:\n {2}\$? ?.*millrace/, path);
    }),
  );
  assert.match((await run(home, ["--version"])).out, /^\d+\.\d+\.\d+\n$/);
});

test("dags list, show and errors", async (t) => {
  const { millrace } = await startServer(t);
  const list = await millrace("dags", "list");
  assert.equal(list.out.split("\n")[0]?.split(/\s+/).slice(0, 2).join(" "), "DAG STATE");
  assert.match(list.out, /^evaluate_reading +active +each\(readings, .*iot\/evaluate\.ts +iot$/m);
  assert.deepEqual(
    JSON.parse((await millrace("dags", "list", "--all", "-o", "json")).out).map((dag: any) => dag.dag_id),
    ["by_hand", "evaluate_reading", "gone"],
  );
  assert.equal(parse((await millrace("dags", "list", "--tag", "iot", "-o", "yaml")).out).length, 1);
  assert.equal((await millrace("dags", "list", "--tag", "iott")).out, "no DAG has the tag 'iott'\n");
  const show = (await millrace("dags", "show", "evaluate_reading")).out;
  assert.match(show, /Runs on +each\(readings, \{ where: "payload\.celsius > 80\.0" \}\)/);
  assert.match(show, /^Version +\d+, of 2026-11-21 12:00:00\.000Z$/m);
  assert.match(show, /^alert +score +alerts +1$/m);
  assert.match(show, /^readings\.kafka_watcher +kafka \{"topics":\["readings"\]\} +kafka_default +streaming +42 +5$/m);
  const errors = (await millrace("dags", "errors")).out;
  assert.equal(errors, "broken.ts:3:7  SYNTAX\n  expected ')', got '}'\n  hint: see line 3\n");
  const unknown = await millrace("dags", "show", "nope");
  assert.deepEqual([unknown.code, unknown.err.split("\n")[0]], [1, "error: there is no DAG 'nope'"]);
});

test("runs list and show: state, cause, tasks and errors", async (t) => {
  const { millrace } = await startServer(t);
  const list = (await millrace("runs", "list", "--limit", "3")).out.trim().split("\n");
  assert.equal(list.length, 4);
  assert.match(list[1]!, /^by_hand +my-run +success +2026-11-21 12:00:03\.000Z +99 ms$/);
  assert.deepEqual(
    JSON.parse((await millrace("runs", "list", "evaluate_reading", "--state", "failed", "-o", "json")).out).map(
      (found: any) => found.dag_run_id,
    ),
    [FAILED],
  );
  const show = (await millrace("runs", "show", "evaluate_reading", FAILED)).out;
  assert.match(show, /^Error +task 'score' failed: no model$/m);
  assert.match(
    show,
    new RegExp(`^Started by +event ${SEED.failingEvent} of asset 'readings', from cluster/readings partition 0 offset 102$`, "m"),
  );
  assert.match(show, /^score +failed +2\/2 +.* +298 ms$/m);
  assert.match(show, /Error: no model\n {4}at score \(\/dags\/iot\/evaluate\.ts:7:9\)/);
  const latest = (await millrace("runs", "show", "by_hand", "latest")).out;
  assert.match(latest, /^Started by +hand\nParams +\{"day":"monday"\}$/m);
  assert.match((await millrace("runs", "show", "gone", "latest")).err, /DAG 'gone' has no runs yet/);
});

test("tasks logs prints the latest try, or the one asked for, and follows to its end", async (t) => {
  const { millrace } = await startServer(t);
  const log = await millrace("tasks", "logs", "evaluate_reading", HOT, "score");
  assert.equal(log.out.split("\n")[0], '2026-11-21T12:00:01.002Z INFO  loading the model {"n":0}');
  assert.equal(log.out.trim().split("\n").length, 3);
  const events = (text: string): string[] =>
    text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
  assert.deepEqual(events((await millrace("tasks", "logs", "evaluate_reading", FAILED, "score", "-o", "json")).out), ["second try"]);
  assert.deepEqual(
    events((await millrace("tasks", "logs", "evaluate_reading", FAILED, "score", "--try", "1", "--follow", "-o", "json")).out),
    ["first try"],
  );
  const none = await millrace("tasks", "logs", "by_hand", "my-run", "load", "--follow");
  assert.deepEqual([none.code, none.out, none.err], [0, "", "try 1 of task 'load' has logged nothing\n"]);
  const unknown = await millrace("tasks", "logs", "by_hand", "my-run", "nope");
  assert.deepEqual([unknown.code, unknown.err.split("\n")[1]], [1, "hint: its tasks are load"]);
  const later = await millrace("tasks", "logs", "by_hand", "my-run", "load", "--try", "2");
  assert.equal(later.err, "task 'load' has no try 2: its latest is 1\n");
});

test("tasks logs without a task prints those of the whole run, and says whose a line is", async (t) => {
  const { millrace } = await startServer(t);
  const all = await millrace("tasks", "logs", "evaluate_reading", HOT);
  const lines = all.out.trimEnd().split("\n");
  assert.equal(lines[0], 'score  2026-11-21T12:00:01.002Z INFO  loading the model {"n":0}');
  assert.deepEqual(
    lines.filter((line) => !/^(score|alert) {2}/.test(line)),
    [],
  );
  const yaml = parse((await millrace("tasks", "logs", "evaluate_reading", HOT, "-o", "yaml")).out);
  assert.deepEqual([yaml.length, yaml[0].task_id, yaml[0].event], [lines.length, "score", "loading the model"]);
  const json = await millrace("tasks", "logs", "evaluate_reading", HOT, "-o", "json");
  assert.deepEqual(
    json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).task_id),
    lines.map((line) => line.split(" ")[0]),
  );
});

test("events list and explain, in sentences", async (t) => {
  const { millrace } = await startServer(t);
  const list = (await millrace("events", "list", "--asset", "readings", "--limit", "2")).out.trim().split("\n");
  assert.equal(list.length, 3);
  assert.match(
    list[1]!,
    new RegExp(`^${SEED.queuedEvent} +readings .* 1 +\\{"sensor":"s1","celsius":92\\} +from cluster/readings partition 0 offset 104$`),
  );
  assert.match(
    (await millrace("events", "list", "--asset", "reading")).err,
    /no asset 'reading' is loaded\nhint: did you mean 'readings'\?/,
  );
  assert.match((await millrace("events", "explain", "latest")).out, new RegExp(`^Event +event ${SEED.queuedEvent} of asset`));
  const explain = async (id: number): Promise<string> => (await millrace("events", "explain", String(id))).out;
  assert.match(
    await explain(SEED.coldEvent),
    /^evaluate_reading: no run, since its filter did not let the event through: payload\.celsius > 80\.0 is false$/m,
  );
  assert.match(
    await explain(SEED.hotEvent),
    /^evaluate_reading: started run asset_triggered__\S+, now success, since payload\.celsius > 80\.0 is true$/m,
  );
  assert.match(await explain(SEED.alertEvent), /brought by task 'alert' of evaluate_reading.*\n[^]*No DAG was scheduled on asset 'alerts'/);
});

test("dags trigger starts a run, with params or a payload from a file or standard input, and waits for its end", async (t) => {
  const server = await startServer(t);
  const created = JSON.parse(
    (await server.millrace("dags", "trigger", "by_hand", "--conf", '{"day":"friday"}', "--run-id", "r1", "-o", "json")).out,
  );
  assert.deepEqual([created.dag_run_id, created.conf, created.state], ["r1", { day: "friday" }, "queued"]);
  const payload = { sensor: "s2", celsius: 99 };
  const file = join(server.home, "event.json");
  writeFileSync(file, JSON.stringify(payload));
  assert.match((await server.millrace("dags", "trigger", "evaluate_reading", "--payload", `@${file}`)).out, /^manual__\S+ {2}queued\n$/);
  await run(server.home, ["dags", "trigger", "evaluate_reading", "--payload", "-", "--run-id", "r2"], {}, JSON.stringify(payload));
  const [event] = (await server.get("/api/v2/dags/evaluate_reading/dagRuns/r2/upstreamAssetEvents")).body.asset_events;
  assert.deepEqual(event.payload, payload);
  const missing = await server.millrace("dags", "trigger", "evaluate_reading");
  assert.deepEqual([missing.code, missing.err.split("\n").at(-2)], [1, "code: EVENT_NEEDED"]);
  // Nothing executes runs here, so this one's end is written by hand once it is seen to be there.
  const waiting = server.millrace("dags", "trigger", "by_hand", "--run-id", "r3", "--wait");
  const end = server.db.prepare("UPDATE dag_run SET state = 11, started_at = ?, ended_at = ?, error = 'boom' WHERE custom_run_id = 'r3'");
  while (end.run(SEEDED_AT, SEEDED_AT + 1000).changes === 0) await new Promise(setImmediate);
  const failed = await waiting;
  assert.deepEqual([failed.code, failed.out], [1, "r3  failed after 1.0 s\nboom\nsee `millrace runs show by_hand r3`\n"]);
});

test("another server is named by --server and --token, or by the environment", async (t) => {
  const api = await startApi(t);
  const home = makeHome(t);
  const token = await api.tokenOf("viewer");
  assert.equal((await run(home, ["dags", "list", "--server", `${api.address}/`, "--token", token])).code, 0);
  assert.equal((await run(home, ["dags", "list"], { MILLRACE_SERVER: api.address, MILLRACE_TOKEN: token })).code, 0);
  assert.match((await run(home, ["dags", "list", "--server", api.address])).err, /code: UNAUTHENTICATED/);
  assert.match((await run(home, ["dags", "trigger", "by_hand", "--server", api.address, "--token", token])).err, /code: FORBIDDEN/);
});

test("colours are left out where NO_COLOR is set or no terminal reads", async (t) => {
  const { home, millrace } = await startServer(t);
  const escape = String.fromCodePoint(27);
  assert.ok(!(await millrace("runs", "list")).out.includes(escape));
  assert.ok((await run(home, ["runs", "list"], { FORCE_COLOR: "1" })).out.includes(escape));
  assert.ok(!(await run(home, ["runs", "list"], { NO_COLOR: "1" })).out.includes(escape));
});

test("completion scripts are valid and complete commands and options", async (t) => {
  const home = makeHome(t);
  const { out } = await run(home, ["completion", "bash"]);
  const complete = async (...words: string[]): Promise<string[]> => {
    const line = `${out}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const stdout = await new Promise<string>((resolve, reject) => {
      execFile("bash", ["-c", line], (error, text) => (error === null ? resolve(text) : reject(error)));
    });
    return stdout.trim().split("\n");
  };
  assert.deepEqual(await complete("millrace", "da"), ["dags"]);
  assert.deepEqual(await complete("millrace", "dags", "t"), ["trigger", "test"]);
  assert.deepEqual(await complete("millrace", "dags", "trigger", "x", "--pay"), ["--payload"]);
  assert.match((await run(home, ["completion", "zsh"])).out, /bashcompinit/);
  assert.match(
    (await run(home, ["completion", "fish"])).out,
    /__fish_seen_subcommand_from dags; and __fish_seen_subcommand_from show' -l output/,
  );
});
