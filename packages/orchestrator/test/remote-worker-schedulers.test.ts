// The worker's end: several schedulers, schedulers that stay away, and what is no scheduler.
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "@millrace/test-services";
import { makeWorkerProcesses } from "../src/cli/worker-processes.ts";
import { systemClock } from "../src/domain/clock.ts";
import type { MillraceError } from "../src/domain/errors.ts";
import type { TaskDispatch, TryResult } from "../src/domain/executor.ts";
import { encodeFrame } from "../src/domain/frame-codec.ts";
import type { Log } from "../src/domain/log.ts";
import { parseSchedulerAddress } from "../src/domain/scheduler-address.ts";
import { RemoteExecutor } from "../src/executors/remote/remote-executor.ts";
import { BundleStore } from "../src/worker/remote/bundle-store.ts";
import { RemoteWorker } from "../src/worker/remote/remote-worker.ts";
import { ManualClock } from "./manual-clock.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const TOKEN = "a token that both know";
const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const SLOTS = 4;

/** A task that waits for the file `open` in its folder, and leaves `ended` when it is done or aborted. */
const bundleText = (folder: string): string => `import { defineDag } from "@millrace/sdk";
import { existsSync, writeFileSync } from "node:fs";
export default defineDag("d", {}, (dag) => {
  dag.task("wait", async ({ signal }) => {
    writeFileSync(${JSON.stringify(join(folder, "begun"))}, "");
    while (!existsSync(${JSON.stringify(join(folder, "open"))}) && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
    writeFileSync(${JSON.stringify(join(folder, "ended"))}, "");
    return 1;
  });
});`;

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-schedulers-"));
  mkdirSync(join(folder, "server"));
  symlinkSync(NODE_MODULES, join(folder, "node_modules"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function collectLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { debug() {}, info: keep, warn: keep, error: keep, child: () => log };
  return { log, lines };
}

interface Scheduler {
  readonly executor: RemoteExecutor;
  readonly address: string;
  readonly results: Map<string, TryResult>;
  readonly dispatch: (fence: string) => void;
  readonly stop: () => Promise<void>;
}

async function startScheduler(t: TestContext, folder: string, text = bundleText(folder), hash = hashOf(text)): Promise<Scheduler> {
  const bundle = join(folder, "server", `${hash}.mjs`);
  writeFileSync(bundle, text);
  const place = { bundle, source: join(folder, "d.ts"), dagId: "d", taskId: "wait" };
  const results = new Map<string, TryResult>();
  const executor = new RemoteExecutor({
    host: "127.0.0.1",
    port: 0,
    tls: null,
    token: TOKEN,
    scheduler: `s${Math.random()}`,
    version: "test",
    clock: systemClock,
    log: collectLog().log,
    values: { get: async () => null },
    lockfileOf: () => null,
    listener: {
      onStarted() {},
      onLog() {},
      onRoom() {},
      onLost() {},
      onResult: ({ fence }, result, acknowledge) => {
        results.set(fence, result);
        acknowledge();
      },
    },
  });
  await executor.start();
  const stop = async (): Promise<void> => executor.stop();
  t.after(stop);
  const dispatch = (fence: string): void => {
    const ref = { runId: 1, taskIndex: 0, mapIndex: -1, try: 1, fence };
    const run = { dagRunId: "r", type: "manual", logicalDate: null };
    const header = { type: "dispatch", ref, run, part: "", events: [], needs: [], paramsBytes: -1 } as const;
    const task: TaskDispatch = { ref, place, header, tail: [], isolation: "shared", timeoutMs: null };
    executor.dispatch(task);
  };
  return { executor, address: executor.workerAddress!, results, dispatch, stop };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function startWorker(t: TestContext, folder: string, schedulers: readonly string[]) {
  const clock = new ManualClock();
  const { log, lines } = collectLog();
  const refusals: MillraceError[] = [];
  const worker = new RemoteWorker({
    schedulers: schedulers.map((address) => parseSchedulerAddress(address)!),
    ca: [],
    token: TOKEN,
    executor: (listener, values) =>
      makeWorkerProcesses({
        environment: { PATH: process.env["PATH"] },
        version: "test",
        listener,
        values,
        clock: systemClock,
        log,
        minWorkers: 1,
        maxWorkers: 1,
        slots: SLOTS,
      }),
    slots: SLOTS,
    processes: 1,
    project: folder,
    lockfile: () => null,
    bundlesFolder: join(folder, "worker"),
    host: "machine",
    pid: process.pid,
    version: "test",
    clock,
    log,
    onRefused: (error) => void refusals.push(error),
  });
  t.after(async () => {
    const stopped = worker.stop({ deadlineMs: 0 });
    clock.advance(0);
    await stopped;
  });
  await worker.start();
  return { worker, clock, lines, refusals };
}

test("a worker learns of further schedulers, shares its slots among them, and forgets those that are gone", async (t) => {
  const folder = makeFolder(t);
  const [first, second] = [await startScheduler(t, folder), await startScheduler(t, folder)];
  const { clock, lines } = await startWorker(t, folder, [first.address]);
  await eventually(() => assert.ok(first.executor.hasRoom("shared")));
  assert.deepEqual(second.executor.workers(), []);
  first.executor.setPeers([first.address, second.address, "nonsense"]);
  // It is asked for: the first one was offered all there is.
  await eventually(() => assert.ok(second.executor.hasRoom("shared")));
  for (const fence of ["1:1", "1:2", "1:3", "1:4"]) first.dispatch(fence);
  for (const fence of ["2:1", "2:2", "2:3", "2:4"]) second.dispatch(fence);
  const running = (): number[] => [first, second].map(({ executor }) => executor.workers()[0]!.running);
  await eventually(() => assert.equal(running()[0]! + running()[1]!, SLOTS));
  assert.deepEqual(
    [first, second].map(({ executor }) => executor.hasRoom("shared")),
    [false, false],
  );
  assert.ok(
    running().every((count) => count > 0),
    `each has some: ${running().join(", ")}`,
  );
  writeFileSync(join(folder, "open"), "");
  await eventually(() => assert.deepEqual([first.results.size, second.results.size], [4, 4]));
  await second.stop();
  first.executor.setPeers([first.address]);
  await eventually(() => assert.ok(lines.some((line) => line.startsWith("the connection to a scheduler is lost"))));
  const tries = (): number => lines.filter((line) => line.startsWith("no connection to a scheduler")).length;
  clock.advance(6_000);
  await eventually(() => assert.ok(first.executor.workers().length === 1));
  assert.equal(tries(), 0, "it is not looked for any more");
});

test("what two tries need at once is fetched once; what could not be fetched is asked for again", async (t) => {
  const folder = makeFolder(t);
  const store = new BundleStore(join(folder, "bundles"));
  const text = Buffer.from("export {};");
  let fetched = 0;
  const fetch = async (): Promise<Buffer> => {
    fetched += 1;
    if (fetched === 1) throw new Error("cut off");
    return text;
  };
  const hash = hashOf(text.toString());
  await assert.rejects(store.get(hash, fetch), { code: "BUNDLE_UNAVAILABLE", message: /cut off/ });
  const paths = await Promise.all([store.get(hash, fetch), store.get(hash, fetch)]);
  assert.deepEqual([...new Set(paths)], [join(folder, "bundles", `${hash}.mjs`)]);
  assert.equal(fetched, 2);
  await assert.rejects(store.get("../x", fetch), { code: "BUNDLE_UNAVAILABLE", message: /expected the SHA-256 of a bundle/ });
});

test("a bundle that is fetched is checked, and found on disk the next time", async (t) => {
  const folder = makeFolder(t);
  writeFileSync(join(folder, "open"), "");
  const scheduler = await startScheduler(t, folder);
  const { worker } = await startWorker(t, folder, [scheduler.address]);
  await eventually(() => assert.ok(scheduler.executor.hasRoom("shared")));
  const names = readdirSync(join(folder, "server"));
  for (const fence of ["1:1", "1:2"]) scheduler.dispatch(fence);
  await eventually(() =>
    assert.deepEqual(
      [...scheduler.results.values()].map(({ outcome }) => outcome),
      ["success", "success"],
    ),
  );
  assert.deepEqual(readdirSync(join(folder, "worker")), names, "and no draft is left");
  await worker.stop();
  // What is half there, or was changed, is fetched again; what is right is not asked for.
  const cached = join(folder, "worker", names[0]!);
  for (const text of ["", "export {};", bundleText(folder)]) {
    writeFileSync(cached, text);
    if (text === bundleText(folder)) rmSync(join(folder, "server", names[0]!));
    scheduler.results.clear();
    const next = await startWorker(t, folder, [scheduler.address]);
    await eventually(() => assert.ok(scheduler.executor.hasRoom("shared")));
    scheduler.dispatch("1:3");
    await eventually(() => assert.equal(scheduler.results.get("1:3")?.outcome, "success"));
    await next.worker.stop();
  }
});

test("a bundle that is gone, or is not what its hash says, fails the try with that sentence", async (t) => {
  const folder = makeFolder(t);
  const wrong = await startScheduler(t, folder, "export {};", "a".repeat(64));
  const gone = await startScheduler(t, folder);
  await startWorker(t, folder, [wrong.address, gone.address]);
  rmSync(join(folder, "server", `${hashOf(bundleText(folder))}.mjs`));
  for (const [{ executor, dispatch, results }, message] of [
    [wrong, /BUNDLE_UNAVAILABLE: the bundle a{64}: the scheduler sent a text with the hash [0-9a-f]{64}/],
    [gone, /BUNDLE_UNAVAILABLE: .*ENOENT/],
  ] as const) {
    await eventually(() => assert.ok(executor.hasRoom("shared")));
    dispatch("1:1");
    await eventually(() => assert.match(results.get("1:1")?.error?.message ?? "", message));
    assert.deepEqual([results.get("1:1")!.outcome, results.get("1:1")!.isPermanent], ["failed", false]);
  }
  assert.ok(!readdirSync(folder).includes("worker"), "nothing wrong was stored");
});

test("what a scheduler left behind is given up when it stays away for a minute", async (t) => {
  const folder = makeFolder(t);
  const scheduler = await startScheduler(t, folder);
  const proxy = await TcpProxy.start(t, scheduler.address);
  const { clock, lines, worker } = await startWorker(t, folder, [proxy.address]);
  await eventually(() => assert.ok(scheduler.executor.hasRoom("shared")));
  scheduler.dispatch("1:1");
  await eventually(() => assert.ok(readdirSync(folder).includes("begun")));
  await proxy.stop();
  await eventually(() => assert.ok(lines.some((line) => line.startsWith("the connection to a scheduler is lost"))));
  clock.advance(59_000);
  assert.ok(!lines.some((line) => line.startsWith("tasks are ended")));
  clock.advance(1_000);
  assert.ok(lines.some((line) => line.startsWith("tasks are ended: the scheduler was away for 60 s")));
  await eventually(() => assert.ok(readdirSync(folder).includes("ended")));
  // Nothing is left that a stop would wait for.
  await worker.stop({ deadlineMs: 600_000 });
});

interface Impostor {
  readonly address: string;
  readonly accepted: () => number;
}

async function startImpostor(t: TestContext, answer: (socket: Socket) => void): Promise<Impostor> {
  let accepted = 0;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    accepted += 1;
    sockets.push(socket);
    socket.on("error", () => undefined);
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as { port: number }).port}`, accepted: () => accepted };
}

test("who does not know the token is no scheduler: nothing that it sends runs", async (t) => {
  const folder = makeFolder(t);
  const greeting = { type: "greeting", protocol: 2, version: "x", scheduler: "s", nonce: "n" };
  const impostor = await startImpostor(t, (socket) => {
    socket.write(encodeFrame(greeting));
    socket.once("data", () => socket.write(encodeFrame({ type: "welcome", protocol: 2, proof: "guessed", unknown: [] })));
  });
  const { refusals } = await startWorker(t, folder, [impostor.address]);
  await eventually(() => assert.equal(refusals[0]?.code, "WORKER_TOKEN_WRONG"));
  assert.match(refusals[0]!.message, /the scheduler does not know this worker's token/);
});

for (const [name, bytes] of [
  ["a web server", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ["a frame of 2 GB", Buffer.from([0, 0, 0, 128, 10, 0, 0, 0])],
] as const) {
  test(`${name} at a scheduler's address is told, and tried again later`, async (t) => {
    const folder = makeFolder(t);
    const impostor = await startImpostor(t, (socket) => socket.write(bytes));
    const { lines, clock } = await startWorker(t, folder, [impostor.address]);
    await eventually(() =>
      assert.ok(
        lines.some((line) => /no connection to a scheduler: it sent what is no frame/.test(line)),
        lines.join("\n"),
      ),
    );
    clock.advance(200);
    await eventually(() => assert.equal(impostor.accepted(), 2));
  });
}

test("one that says nothing is left after ten seconds", async (t) => {
  const folder = makeFolder(t);
  const impostor = await startImpostor(t, () => undefined);
  const { lines, clock } = await startWorker(t, folder, [impostor.address]);
  await eventually(() => assert.equal(impostor.accepted(), 1));
  clock.advance(10_000);
  assert.match(lines.join("\n"), /no greeting within 10 s; where the scheduler has TLS, give its address as tls:/);
  clock.advance(200);
  await eventually(() => assert.equal(impostor.accepted(), 2));
});
