import { strict as assert } from "node:assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@millrace/test-services";
import Database from "better-sqlite3";
import type { Project, ServerProcess } from "./standalone-process.ts";

/** A DAG whose tries each write a line `<run> <process>` to the file before they wait for `body`. */
export function countingDag(file: string, body: string): string {
  return `import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { defineDag } from "@millrace/sdk";
export default defineDag("count", { retries: 0 }, (dag) => {
  dag.task("t", async ({ run, signal }) => {
    appendFileSync(${JSON.stringify(file)}, run.id + " " + process.ppid + "\\n");
    ${body}
    return process.ppid;
  });
});`;
}

/** How often each run's task was started, by run. */
export function startsIn(file: string): ReadonlyMap<string, number> {
  const starts = new Map<string, number>();
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  for (const line of lines) {
    const run = line.split(" ")[0]!;
    starts.set(run, (starts.get(run) ?? 0) + 1);
  }
  return starts;
}

export async function triggerRuns(server: ServerProcess, count: number): Promise<readonly string[]> {
  const runs: string[] = [];
  for (let made = 0; made < count; made += 1) {
    runs.push((await server.post("/api/v2/dags/count/dagRuns", { logical_date: null })).body.dag_run_id);
  }
  return runs;
}

/** Every run has ended well, in its first try, with one outcome, and was started at least once. */
export async function allSucceeded(project: Project, file: string, runs: number): Promise<void> {
  await eventually(
    () => {
      const db = new Database(join(project.home, "millrace.db"), { readonly: true });
      const count = (sql: string): unknown => db.prepare(sql).pluck().get();
      const found = {
        runs: count("SELECT count(*) FROM dag_run"),
        succeeded: count("SELECT count(*) FROM dag_run WHERE state = 10"),
        firstTries: count("SELECT count(*) FROM task_instance WHERE state = 10 AND try = 1"),
        otherTries: count("SELECT count(*) FROM task_try"),
      };
      db.close();
      assert.deepEqual(found, { runs, succeeded: runs, firstTries: runs, otherTries: 0 });
    },
    { withinMs: 120_000 },
  );
  assert.equal(startsIn(file).size, runs);
}
