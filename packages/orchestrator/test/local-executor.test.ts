import { strict as assert } from "node:assert";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../src/domain/clock.ts";
import type { Log } from "../src/domain/log.ts";
import { LocalExecutor } from "../src/executors/local/local-executor.ts";

const WORKER_ENTRY = fileURLToPath(new URL("../bin/worker.js", import.meta.url));
const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

test("an executor is connected once a worker is there, and no longer once it is stopped", async (t) => {
  let hasRoom = (): void => undefined;
  const connected = new Promise<void>((resolve) => (hasRoom = resolve));
  const executor = new LocalExecutor({
    command: { entry: WORKER_ENTRY, env: { PATH: process.env["PATH"] ?? "" }, maxHeapMb: 256 },
    version: "test",
    listener: { onStarted() {}, onLog() {}, onResult() {}, onLost() {}, onRoom: () => hasRoom() },
    values: { get: async () => null },
    clock: systemClock,
    log: silent,
    minWorkers: 1,
    maxWorkers: 1,
    slots: 1,
    maxRssBytes: 2 ** 30,
  });
  t.after(() => executor.stop());
  await executor.start();
  assert.equal(executor.isConnected, false);
  await connected;
  assert.equal(executor.isConnected, true);
  await executor.stop();
  assert.equal(executor.isConnected, false);
});
