import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { loadConfig } from "./config.ts";
import { loadWorkerConfig } from "./worker-config.ts";

test("a worker's settings come by flag or by variable, and have defaults", () => {
  const config = loadWorkerConfig({ MILLRACE_SCHEDULERS: "a:1, tls://b.example:2,[::1]:3" });
  assert.deepEqual(config.schedulers, [
    { host: "a", port: 1, isTls: false },
    { host: "b.example", port: 2, isTls: true },
    { host: "::1", port: 3, isTls: false },
  ]);
  assert.deepEqual([config.slots, config.project, config.caFile, config.workerToken], [256, resolve("."), null, null]);
  assert.ok(config.processes >= 1 && Object.isFrozen(config));
  const flags = { scheduler: ["c:4", "d:5"], tlsCa: "ca.pem", slots: "8", processes: "3", project: "/p", drain: "1m" };
  const other = loadWorkerConfig({ MILLRACE_SCHEDULERS: "a:1", MILLRACE_WORKER_SLOTS: "9" }, flags);
  assert.deepEqual(
    other.schedulers.map(({ host, isTls }) => [host, isTls]),
    [
      ["c", true],
      ["d", true],
    ],
    "an authority is for TLS",
  );
  assert.deepEqual([other.slots, other.processes, other.project, other.drainMs], [8, 3, "/p", 60_000]);
  for (const address of ["host", "host:0", "host:65536", "http://host:1", ":1", "a b:1"])
    assert.throws(() => loadWorkerConfig({ MILLRACE_SCHEDULERS: address }), { code: "CONFIG_INVALID" });
});

test("a server's local workers are counted by one option, or bounded by two", () => {
  const counts = (env: Record<string, string>): readonly number[] => {
    const { minWorkers, maxWorkers } = loadConfig(env);
    return [minWorkers, maxWorkers];
  };
  assert.deepEqual(counts({ MILLRACE_LOCAL_WORKERS: "3" }), [3, 3]);
  assert.deepEqual(counts({ MILLRACE_LOCAL_WORKERS: "0" }), [0, 0]);
  assert.throws(() => counts({ MILLRACE_LOCAL_WORKERS: "1", MILLRACE_MIN_WORKERS: "1" }), { code: "CONFIG_INVALID" });
  assert.equal(loadConfig({}).workerPort, null);
});
