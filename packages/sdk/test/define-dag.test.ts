import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { defineAsset, defineDag, each, unchecked, type TaskRef } from "@millrace/sdk";
import { findDefinition, type DagDefinition } from "@millrace/sdk/internal";

const readings = defineAsset("readings", { schema: unchecked<{ celsius: number }>() });
const alerts = defineAsset("alerts");

function definitionOf(dag: object): DagDefinition {
  const definition = findDefinition(dag);
  assert.equal(definition?.kind, "dag");
  return definition;
}

test("a DAG knows its tasks in the order in which they can run", () => {
  const run = (): number => 1;
  const dag = defineDag("d", { schedule: each(readings, { where: "payload.celsius > 80" }), retries: 3, timeout: "1m" }, (dag) => {
    const score = dag.task("score", run);
    const look = dag.task("look", { retries: 0, timeout: "500ms", isolation: "process" }, () => 2);
    return dag.task("alert", { needs: { score }, after: [look, score, look], outlets: [alerts], inlets: [readings] }, () => 3);
  });
  const { tasks, resultTask, schedule } = definitionOf(dag);
  assert.deepEqual(schedule, { kind: "each", sources: [{ asset: findDefinition(readings), where: "payload.celsius > 80" }] });
  assert.equal(resultTask, 2);
  assert.equal(tasks[0]?.run, run);
  assert.deepEqual(
    tasks.map(({ run: _run, outlets, inlets, ...task }) => ({
      ...task,
      outlets: outlets.map((asset) => asset.name),
      inlets: inlets.length,
    })),
    [
      {
        id: "score",
        needs: [],
        after: [],
        retries: 3,
        retryDelayMs: 10_000,
        timeoutMs: 60_000,
        isolation: "shared",
        outlets: [],
        inlets: 0,
      },
      { id: "look", needs: [], after: [], retries: 0, retryDelayMs: 10_000, timeoutMs: 500, isolation: "process", outlets: [], inlets: 0 },
      {
        id: "alert",
        needs: [{ name: "score", task: 0 }],
        after: [1],
        retries: 3,
        retryDelayMs: 10_000,
        timeoutMs: 60_000,
        isolation: "shared",
        outlets: ["alerts"],
        inlets: 1,
      },
    ],
  );
});

test("cpu means a process of its own, on a task or for the whole DAG", () => {
  const dag = defineDag("d", { cpu: true }, (dag) => {
    dag.task("a", () => 1);
    dag.task("b", { cpu: false }, () => 1);
    dag.task("c", { isolation: "shared" }, () => 1);
  });
  assert.deepEqual(
    definitionOf(dag).tasks.map((task) => task.isolation),
    ["process", "shared", "shared"],
  );
});

test("a schedule is an asset, a pattern, or nothing", () => {
  const schedules = [readings, each(readings), null];
  const dags = schedules.map((schedule) => defineDag("d", { schedule }, (dag) => void dag.task("t", () => 1)));
  const without = defineDag("d", {}, (dag) => void dag.task("t", () => 1));
  const kinds = [...dags, without].map((dag) => definitionOf(dag).schedule.kind);
  assert.deepEqual(kinds, ["each", "each", "none", "none"]);
});

const one = (): number => 1;
/** What JavaScript, or a cast, lets through the types. */
const loose = (value: unknown): never => value as never;

function refused(build: () => unknown): { code: string; message: string; hint: string } {
  try {
    build();
  } catch (error) {
    return error as { code: string; message: string; hint: string };
  }
  throw new Error("nothing was refused");
}

function refusedTask(options: object, id = "t"): { code: string; message: string; hint: string } {
  return refused(() => defineDag("d", {}, (dag) => void dag.task(id, loose(options), one)));
}

test("two tasks with one id", () => {
  const error = refused(() =>
    defineDag("d", {}, (dag) => {
      dag.task("same", one);
      dag.task("same", one);
    }),
  );
  assert.deepEqual([error.code, error.message], ["DUPLICATE_TASK", "dag 'd' has two tasks with the id 'same'"]);
});

test("a need of another DAG", () => {
  let foreign: TaskRef<number> | undefined;
  defineDag("other", {}, (dag) => {
    foreign = dag.task("theirs", one);
  });
  const needs = { foreign: foreign as TaskRef<number> };
  const error = refused(() => defineDag("d", {}, (dag) => void dag.task("t", { needs }, one)));
  assert.equal(error.code, "FOREIGN_TASK");
  assert.match(error.message, /task 't': need 'foreign' is task 'theirs' of dag 'other', not of 'd'/);
});

test("a cycle cannot be written: a task cannot be made after its DAG's callback ended, nor need what is not made yet", () => {
  let late: ((id: string) => unknown) | undefined;
  defineDag("d", {}, (dag) => {
    dag.task("t", one);
    late = (id) => dag.task(id, one);
  });
  assert.match(refused(() => late?.("late")).message, /task 'late': tasks can only be made while the callback of defineDag runs/);
  assert.match(refusedTask({ needs: { score: undefined } }).message, /need 'score': expected a task, got undefined/);
});

test("ids", () => {
  for (const id of ["", " ", "a b", "a/b", "x".repeat(251), 7, null]) {
    assert.equal(refusedTask({}, loose(id)).code, "BAD_NAME", `task id ${String(id)}`);
    assert.equal(refused(() => defineDag(loose(id), {}, (dag) => void dag.task("t", one))).code, "BAD_NAME", `dag id ${String(id)}`);
  }
  for (const name of ["", " a", "a\n", undefined]) assert.equal(refused(() => defineAsset(loose(name))).code, "BAD_NAME");
  assert.equal(defineAsset("warehouse/daily sales").name, "warehouse/daily sales");
  assert.equal(defineDag("größe.1-x_y", {}, (dag) => void dag.task("t", one)).id, "größe.1-x_y");
});

test("durations", () => {
  for (const timeout of ["-5m", "5 mins", "5", "", "1m1h", "m", 5]) {
    const error = refusedTask({ timeout });
    assert.equal(error.code, "BAD_DURATION", String(timeout));
    assert.ok(error.message.includes(JSON.stringify(timeout)), error.message);
  }
  assert.equal(refusedTask({ timeout: "0s" }).code, "BAD_OPTION");
});

test("how long its runs are kept", () => {
  const dagOf = (options: object) => defineDag("d", options, (dag) => void dag.task("t", one));
  const given = [{}, { retention: "7d" }, { retention: "1h" }, { retention: "forever" }];
  assert.deepEqual(
    given.map((options) => definitionOf(dagOf(options)).retention),
    [null, 604_800_000, 3_600_000, "forever"],
  );
  const short = refused(() => dagOf({ retention: "59m" }));
  assert.deepEqual(
    [short.code, short.message],
    ["BAD_OPTION", "dag 'd': option 'retention': expected a duration of at least '1h', or 'forever', got '59m'"],
  );
  for (const retention of ["7 days", "Forever", false, null])
    assert.equal(refused(() => dagOf({ retention })).code, "BAD_DURATION", String(retention));
});

test("a need with the name of a context field: the sentence is the compiler's", async () => {
  const messages = await readFile(join(import.meta.dirname, "mistakes/messages.txt"), "utf8");
  for (const name of ["event", "item"]) {
    const error = refused(() =>
      defineDag("d", {}, (dag) => {
        const s = dag.task("s", one);
        dag.task("t", { needs: loose({ [name]: s }) }, one);
      }),
    );
    const sentence = `'${name}' is a context field: give this need another name`;
    assert.deepEqual([error.code, error.message], ["RESERVED_NEED", `task 't': ${sentence}`]);
    assert.ok(messages.includes(sentence));
  }
});

test("options that are wrong", () => {
  const cases: [object, RegExp][] = [
    [{ retrys: 3 }, /there is no option 'retrys'/],
    [{ retries: -1 }, /'retries': expected a whole number from 0, got -1/],
    [{ retries: 1.5 }, /got 1.5/],
    [{ isolation: "thread" }, /expected 'shared' or 'process', got 'thread'/],
    [{ cpu: true, isolation: "shared" }, /'cpu': expected no cpu: true beside isolation/],
    [{ cpu: "yes" }, /'cpu': expected true or false/],
    [{ needs: [] }, /needs: expected an object of tasks/],
    [{ after: {} }, /after: expected a list of tasks/],
    [{ outlets: ["alerts"] }, /outlets: expected an asset, made with defineAsset\("name"\), got 'alerts'/],
  ];
  for (const [options, message] of cases) {
    const error = refusedTask(options);
    assert.equal(error.code, "BAD_OPTION");
    assert.match(error.message, message);
    assert.notEqual(error.hint, "");
  }
  assert.match(refused(() => defineDag("d", loose({ schedule: "readings" }), one as never)).message, /as schedule, got 'readings'/);
  assert.match(refused(() => defineDag("d", loose({ tags: "x" }), one as never)).message, /'tags': expected a list of strings/);
  assert.match(refused(() => defineDag("d", loose({ params: {} }), one as never)).message, /params.*expected a Standard Schema/);
  assert.match(refused(() => defineDag("d", loose(undefined), one as never)).message, /expected an object of options/);
  assert.match(refused(() => defineAsset("a", loose({ schema: { type: "object" } }))).message, /schema: expected a Standard Schema/);
  assert.match(refused(() => defineAsset("a", loose({ watchers: { w: "kafka" } }))).message, /watcher 'w': expected a trigger/);
  assert.match(refused(() => each(loose("readings"))).message, /each: expected an asset/);
});

test("a callback that builds nothing, or later", () => {
  assert.equal(refused(() => defineDag("d", {}, () => undefined)).code, "NO_TASKS");
  assert.equal(
    refused(() =>
      defineDag(
        "d",
        {},
        loose(async () => undefined),
      ),
    ).code,
    "ASYNC_BUILD",
  );
  assert.equal(refused(() => defineDag("d", {}, loose(undefined))).code, "BAD_OPTION");
});
