// What the executor does with workers that misbehave, on real processes.
import { strict as assert } from "node:assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "@millrace/test-services";
import { systemClock } from "../src/domain/clock.ts";
import type { LossReason, TaskDispatch, TryResult } from "../src/domain/executor.ts";
import type { Log } from "../src/domain/log.ts";
import { LocalExecutor } from "../src/executors/local/local-executor.ts";

const BUNDLE = `import { defineDag } from "@millrace/sdk";
export const d = defineDag("d", {}, (dag) => {
  dag.task("spin", () => { for (;;); });
  dag.task("wait", async () => { await new Promise((resolve) => setTimeout(resolve, 300)); return 1; });
});`;

test("a task that never gives the event loop back holds up its neighbours for a while, not for ever", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-worker-"));
  const bundle = join(folder, "d.mjs");
  writeFileSync(bundle, BUNDLE);
  const warnings: string[] = [];
  const log: Log = { debug() {}, info() {}, warn: (message) => void warnings.push(message), error() {}, child: () => log };
  const lost = new Map<string, LossReason>();
  const results = new Map<string, TryResult>();
  const executor = new LocalExecutor({
    command: {
      entry: fileURLToPath(new URL("../bin/worker.js", import.meta.url)),
      env: { PATH: process.env["PATH"] ?? "" },
      maxHeapMb: 256,
    },
    version: "test",
    listener: {
      onStarted() {},
      onLog() {},
      onRoom() {},
      onLost: ({ fence }, reason) => void lost.set(fence, reason),
      onResult: ({ fence }, result, acknowledge) => {
        results.set(fence, result);
        acknowledge();
      },
    },
    values: { get: async () => null },
    clock: systemClock,
    log,
    minWorkers: 1,
    maxWorkers: 1,
    slots: 8,
    maxRssBytes: 2 ** 30,
    stuckMs: 1_500,
  });
  t.after(async () => {
    await executor.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const dispatch = (fence: string, taskId: string, isolation: "shared" | "process"): void => {
    const ref = { runId: 1, taskIndex: 0, mapIndex: -1, try: 1, fence };
    const run = { dagRunId: "r", type: "manual", logicalDate: null };
    const header = { type: "dispatch", ref, run, part: "" } as const;
    const task: TaskDispatch = {
      ref,
      place: { bundle, source: join(folder, "d.ts"), dagId: "d", taskId },
      header: { ...header, events: [], needs: [], paramsBytes: -1 },
      tail: [],
      isolation,
      timeoutMs: null,
    };
    executor.dispatch(task);
  };
  await executor.start();
  for (const fence of ["a", "b", "c"]) dispatch(fence, "wait", "shared");
  dispatch("spinning", "spin", "shared");
  await eventually(() => assert.equal(lost.size, 4));
  for (const reason of lost.values()) assert.deepEqual({ ...reason, text: "" }, { isSuspect: false, isolate: true, text: "" });
  assert.ok(warnings.some((line) => line.includes("would wait for ever")));
  dispatch("a again", "wait", "process");
  await eventually(() => assert.equal(results.get("a again")?.outcome, "success"));
  // Alone in its worker it may take as long as it likes.
  dispatch("spinning again", "spin", "process");
  await eventually(() => assert.equal(warnings.filter((line) => line.includes("blocks its worker")).length, 2));
  assert.equal(lost.size, 4);
});
