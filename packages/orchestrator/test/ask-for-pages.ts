import assert from "node:assert/strict";
import type { PageRequest, Reads } from "../src/domain/reads.ts";
import { SEED, SEEDED_AT } from "./seeded-database.ts";

/** What people ask of a long history, and none of which may cost as much as that is long; `HISTORY_EVENTS` are a second apart. */
export async function askForPages({ dagRuns, assetEvents, taskInstances, taskLogs, assets, deadLetters, replay }: Reads): Promise<void> {
  for (const order of ["ascending", "descending"] as const) {
    const page: PageRequest = { limit: 50, offset: 0, order };
    const created = { from: SEEDED_AT + 10_000_000, before: SEEDED_AT + 11_000_000 };
    await dagRuns.list({}, page);
    const { rows } = await dagRuns.list({ dagId: "evaluate_reading", created }, page);
    assert.equal(rows[0]?.createdAt, order === "ascending" ? created.from : created.before - 1000);
    await dagRuns.list({ dagId: "evaluate_reading", states: ["running"] }, page);
    assert.deepEqual((await dagRuns.list({ states: ["running", "queued"] }, page)).total, 2);
    await dagRuns.find("evaluate_reading", "by-my-own-id");
    await assetEvents.list({}, page);
    await assetEvents.list({ assetId: 1, created }, page);
    const [first] = (await assetEvents.list({ sourceDagId: "evaluate_reading", sourceRunId: rows[0].dagRunId }, page)).rows;
    assert.equal(first, undefined);
    await assetEvents.decisions((await assetEvents.find(100 * 4096))!);
    await assetEvents.listOfRun(rows[0]);
    await taskInstances.walk({ runs: {} }, page);
    await taskInstances.walk({ runs: { dagId: "evaluate_reading" }, states: ["running"] }, page);
    await taskInstances.listOfRun(rows[0]);
    await taskLogs.chunks({ runId: SEED.hotRun, taskIndex: 0, mapIndex: -1, tryNumber: 1, afterSeq: -1, limit: 10 });
    await assets.list({ excludeStale: true }, page);
    await deadLetters.list({ created }, page);
    await replay.count({ assetId: 1, created });
    assert.equal((await replay.walk({ assetId: 1 }, 100 * 4096, 500)).length, 500);
  }
}
