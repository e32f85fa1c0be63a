import { strict as assert } from "node:assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "@millrace/test-services";
import type { ProcessCluster } from "./process-cluster.ts";

/**
 * Numbers 1, 2, 3 … until the file `stop` is there, and what is to come of them: a run for each; batches, two at a time; pairs of
 * those whose remainder is 0 and 1, one at a time; and a tick each second.
 */
export const countedEvents = (folder: string): string => `import { appendFileSync, existsSync } from "node:fs";
import { all, coalesce, defineAsset, defineDag, defineTrigger, each, every } from "@millrace/sdk";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const note = (file, ...words) => appendFileSync("${folder}/" + file, words.join(" ") + "\\n");
const count = defineTrigger({ kind: "test.count", async *run({ cursor, signal }) {
  for (let n = (cursor ?? 0) + 1; !signal.aborted; n += 1) {
    while (existsSync("${folder}/stop") && !signal.aborted) await pause(50);
    yield { payload: { n }, cursor: n };
    await pause(20);
  }
} });
const numbers = defineAsset("numbers", { watchers: { w: count() } });
const numbersOf = (events) => events.map(({ payload }) => payload.n).join(",");
export const single = defineDag("single", { schedule: numbers }, (dag) => {
  dag.task("t", ({ event, run }) => note("single", run.id, event.payload.n));
});
export const batches = defineDag("batches", { schedule: coalesce(numbers), maxActiveRuns: 2 }, (dag) => {
  dag.task("t", async ({ events, run }) => { note("batches", run.id, numbersOf(events)); await pause(100); });
});
export const pairs = defineDag("pairs", {
  schedule: all({ even: each(numbers, { where: "payload.n % 2.0 == 0.0" }), odd: each(numbers, { where: "payload.n % 2.0 == 1.0" }) }),
}, (dag) => {
  dag.task("t", ({ run }) => note("pairs", run.id));
});
export const ticks = defineDag("ticks", { schedule: every("1s") }, (dag) => {
  dag.task("t", ({ run }) => note("ticks", run.id));
});
`;

const WITHIN = { withinMs: 120_000 };

/** Numbers that were stored, in their order. */
export async function storedNumbers({ rows }: ProcessCluster): Promise<readonly number[]> {
  const found = await rows<{ n: number }>(
    "SELECT (convert_from(payload, 'UTF8')::json ->> 'n')::integer AS n FROM asset_event ORDER BY id",
  );
  return found.map(({ n }) => n);
}

/** So many more numbers are stored. */
export async function moreNumbers(cluster: ProcessCluster, count: number): Promise<void> {
  const before = (await eventually(() => storedNumbers(cluster), WITHIN)).length;
  await eventually(async () => assert.ok((await storedNumbers(cluster)).length >= before + count), WITHIN);
}

/** Ends the numbers, and finds each stored once, decided once for each DAG, and every run ended well. */
export async function checkNumbers(cluster: ProcessCluster): Promise<void> {
  const { folder, rows } = cluster;
  writeFileSync(join(folder, "stop"), "");
  const left = `SELECT (SELECT count(*)::integer FROM dag_run r JOIN dag d ON d.id = r.dag WHERE r.state < 10 AND d.dag_id <> 'ticks') AS runs,
    (SELECT count(*)::integer FROM pattern_event p JOIN dag d ON d.id = p.dag WHERE d.dag_id = 'batches') AS waiting`;
  // Twice: what is done may be followed by what it made.
  for (let look = 0; look < 2; look += 1)
    await eventually(async () => assert.deepEqual(await rows(left), [{ runs: 0, waiting: 0 }]), WITHIN);
  const numbers = await storedNumbers(cluster);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
    "each is stored once, in order",
  );
  assert.deepEqual(await rows("SELECT 1 FROM dag_run WHERE state > 10"), [], "no run failed");
  const doubled = "SELECT event_id FROM event_decision WHERE replay_id = 0 GROUP BY event_id, dag HAVING count(*) > 1";
  assert.deepEqual(await rows(doubled), []);
  const instants = "SELECT logical_date FROM dag_run WHERE logical_date IS NOT NULL GROUP BY dag, logical_date HAVING count(*) > 1";
  assert.deepEqual(await rows(instants), [], "no instant twice");
  checkRuns(folder, "single", numbers);
  checkRuns(folder, "batches", numbers);
}

/** A run that was begun again notes the same numbers again; of all runs together each number is noted once. */
function checkRuns(folder: string, file: string, numbers: readonly number[]): void {
  const path = join(folder, file);
  const lines = existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  const byRun = new Map(lines.map((line) => line.split(" ") as [string, string]));
  const noted = [...byRun.values()].flatMap((text) => text.split(",").map(Number)).toSorted((a, b) => a - b);
  assert.deepEqual(noted, numbers, `${file}: each once`);
}
