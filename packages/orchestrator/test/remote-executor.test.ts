// The scheduler's end of a worker's connection, against a worker that says what a test tells it to.
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { eventually } from "@millrace/test-services";
import type { LossReason, TaskDispatch, TryResult } from "../src/domain/executor.ts";
import type { Log } from "../src/domain/log.ts";
import { proveToken } from "../src/domain/remote-frames.ts";
import { type TaskPlace, WORKER_PROTOCOL } from "../src/domain/worker-frames.ts";
import { RemoteExecutor } from "../src/executors/remote/remote-executor.ts";
import { ManualClock } from "./manual-clock.ts";
import { WireWorker } from "./wire-worker.ts";

const TOKEN = "a token that both know";
const NONE = { isSuspect: false, isolate: false };

interface Harness {
  readonly executor: RemoteExecutor;
  readonly address: string;
  readonly clock: ManualClock;
  readonly warnings: string[];
  readonly results: Map<string, TryResult>;
  readonly lost: Map<string, LossReason>;
  lockfile: string | null;
  readonly connect: () => WireWorker;
  readonly dispatch: (fence: string, isolation?: "shared" | "process") => void;
}

const TEXT = "export default 1;";
const HASH = createHash("sha256").update(TEXT).digest("hex");

async function startExecutor(t: TestContext): Promise<Harness> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-remote-"));
  const bundle = join(folder, `${HASH}.mjs`);
  writeFileSync(bundle, TEXT);
  const place: TaskPlace = { bundle, source: join(folder, "d.ts"), dagId: "d", taskId: "t" };
  const clock = new ManualClock();
  const warnings: string[] = [];
  const keep = (message: string): void => void warnings.push(message);
  const log: Log = { debug() {}, info() {}, warn: keep, error: keep, child: () => log };
  const results = new Map<string, TryResult>();
  const lost = new Map<string, LossReason>();
  const executor = new RemoteExecutor({
    host: "127.0.0.1",
    port: 0,
    tls: null,
    token: TOKEN,
    scheduler: "s1",
    version: "test",
    clock,
    log,
    values: { get: async (what, id) => (what === "variable" ? `value of ${id}` : { conn_type: "aws" }) },
    lockfileOf: () => harness.lockfile,
    listener: {
      onStarted() {},
      onLog() {},
      onRoom() {},
      onLost: ({ fence }, reason) => void lost.set(fence, reason),
      onResult: ({ fence }, result, acknowledge) => {
        assert.ok(!results.has(fence), `${fence} was reported once`);
        results.set(fence, result);
        acknowledge();
      },
    },
  });
  await executor.start();
  t.after(async () => {
    const stopped = executor.stop();
    clock.advance(10_000);
    await stopped;
    rmSync(folder, { recursive: true });
  });
  const address = executor.workerAddress!;
  const dispatch = (fence: string, isolation: "shared" | "process" = "shared"): void => {
    const ref = { runId: 1, taskIndex: 0, mapIndex: -1, try: 1, fence };
    const run = { dagRunId: "r", type: "manual", logicalDate: null };
    const header = { type: "dispatch", ref, run, part: "", events: [], needs: [], paramsBytes: -1 } as const;
    const task: TaskDispatch = { ref, place, header, tail: [], isolation, timeoutMs: null };
    executor.dispatch(task);
  };
  const connect = (): WireWorker => new WireWorker(t, address);
  const harness: Harness = { executor, address, clock, warnings, results, lost, lockfile: null, connect, dispatch };
  return harness;
}

test("a wrong token is refused on both sides, and gets no work", async (t) => {
  const { connect, warnings, executor } = await startExecutor(t);
  const worker = connect();
  await worker.hello("another token");
  assert.deepEqual(await worker.take("refused"), {
    type: "refused",
    code: "WORKER_TOKEN_WRONG",
    message: "the worker's token is not this scheduler's",
  });
  worker.send({ type: "offer", isolation: "shared", count: 8 });
  await worker.closed();
  assert.deepEqual(executor.workers(), []);
  assert.equal(executor.hasRoom("shared"), false);
  assert.match(warnings.join("\n"), /^a worker was refused: WORKER_TOKEN_WRONG: /);
});

test("the proof of one connection is none for another", async (t) => {
  const { connect } = await startExecutor(t);
  const first = connect();
  const { nonce } = await first.take("greeting");
  const proof = proveToken(TOKEN, "worker", nonce, "w1");
  const second = connect();
  await second.hello(TOKEN, { proof });
  assert.equal((await second.take("refused")).code, "WORKER_TOKEN_WRONG");
});

for (const distance of [-1, 0, 1]) {
  test(`a worker ${distance} protocols away works, in the older of the two`, async (t) => {
    const { connect, dispatch, results, executor } = await startExecutor(t);
    executor.setPeers(["127.0.0.1:1"]);
    const protocol = WORKER_PROTOCOL + distance;
    const worker = connect();
    assert.equal((await worker.enter(TOKEN, { protocol })).protocol, Math.min(protocol, WORKER_PROTOCOL));
    worker.send({ type: "offer", isolation: "shared", count: 1 });
    await eventually(() => assert.ok(executor.hasRoom("shared")));
    dispatch("1:1");
    worker.succeed((await worker.take("dispatch")).ref, "7");
    await eventually(() => assert.equal(String(results.get("1:1")?.value), "7"));
    const peers = worker.received.filter(({ header }) => header.type === "peers").length;
    assert.equal(peers, protocol >= 2 ? 1 : 0, "what a protocol does not have is not sent");
  });
}

for (const [distance, older] of [
  [-2, "worker"],
  [2, "scheduler"],
] as const) {
  test(`a worker ${distance} protocols away is refused, and told which side is to be upgraded`, async (t) => {
    const { connect, executor } = await startExecutor(t);
    const worker = connect();
    await worker.hello(TOKEN, { protocol: WORKER_PROTOCOL + distance, version: "9.0.0" });
    const { code, message } = await worker.take("refused");
    assert.equal(code, "WORKER_PROTOCOL_MISMATCH");
    assert.equal(
      message,
      `the scheduler speaks worker protocol ${WORKER_PROTOCOL} and works with ${WORKER_PROTOCOL - 1} to ${WORKER_PROTOCOL + 1}, the worker speaks ${WORKER_PROTOCOL + distance}: upgrade the ${older} (Millrace test here, 9.0.0 there)`,
    );
    await worker.closed();
    const [shown] = executor.workers();
    assert.deepEqual([shown?.state, shown?.reason], ["refused", message]);
  });
}

test("what is no worker is turned away: a browser, a frame of 2 GB, one that says nothing", async (t) => {
  const { connect, clock, warnings } = await startExecutor(t);
  const browser = connect();
  browser.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await browser.closed();
  const huge = connect();
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(2 ** 31, 0);
  prefix.writeUInt32LE(10, 4);
  huge.socket.write(prefix);
  await huge.closed();
  const silent = connect();
  await silent.take("greeting");
  clock.advance(5_000);
  assert.match((await silent.take("refused")).message, /expected a hello within 5 s/);
  clock.advance(5_000);
  await silent.closed();
  // Of one address, one line a minute.
  assert.equal(warnings.filter((line) => line.includes("WORKER_HELLO")).length, 1);
});

test("an admitted worker that announces 2 GB is cut off, and its tasks go elsewhere", async (t) => {
  const { connect, dispatch, executor, lost, clock } = await startExecutor(t);
  const worker = connect();
  await worker.enter(TOKEN);
  worker.send({ type: "offer", isolation: "shared", count: 1 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  await worker.take("dispatch");
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(2 ** 31, 0);
  worker.socket.write(prefix);
  await worker.closed();
  clock.advance(10_000);
  assert.deepEqual({ ...lost.get("1:1"), text: "" }, { ...NONE, text: "" });
});

test("strangers are few: the sixty-fifth that has not said hello is closed at once", async (t) => {
  const { connect } = await startExecutor(t);
  const strangers = Array.from({ length: 64 }, connect);
  await Promise.all(strangers.map((stranger) => stranger.take("greeting")));
  await connect().closed();
  assert.ok(strangers.every(({ isClosed }) => !isClosed));
  strangers[0]!.socket.destroy();
  await eventually(async () => {
    const next = connect();
    await eventually(() => assert.ok(next.isClosed || next.received.length > 0));
    assert.equal(next.isClosed, false);
  });
});

test("ten seconds of silence are a worker's end, by this process's own clock; heartbeats are its life", async (t) => {
  const { connect, dispatch, executor, lost, clock } = await startExecutor(t);
  const worker = connect();
  await worker.enter(TOKEN);
  worker.send({ type: "offer", isolation: "shared", count: 1 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  await worker.take("dispatch");
  for (let beats = 0; beats < 10; beats += 1) {
    const before = executor.workers()[0]!.lastHeartbeatAt!;
    clock.advance(2_000);
    worker.beat();
    await eventually(() => assert.ok(executor.workers()[0]!.lastHeartbeatAt! > before));
    await worker.take("heartbeat");
  }
  clock.advance(8_000);
  assert.equal(lost.size, 0);
  clock.advance(2_000);
  assert.match(lost.get("1:1")!.text, /nothing was heard from it for 10 s/);
  assert.deepEqual(executor.workers(), []);
  await worker.closed();
});

test("a scheduler that stood still itself hears its workers out first", async (t) => {
  const { connect, dispatch, executor, lost, clock } = await startExecutor(t);
  const worker = connect();
  await worker.enter(TOKEN);
  worker.send({ type: "offer", isolation: "shared", count: 1 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  clock.jump(60_000);
  assert.equal(lost.size, 0);
  worker.beat();
  await eventually(() => assert.equal(executor.workers()[0]!.lastHeartbeatAt, clock.now()));
  clock.advance(8_000);
  assert.equal(lost.size, 0);
});

test("a worker that is cut off and comes back keeps its tries; what never reached it goes out again", async (t) => {
  const { connect, dispatch, executor, lost, results, clock } = await startExecutor(t);
  const before = connect();
  await before.enter(TOKEN);
  before.send({ type: "offer", isolation: "shared", count: 4 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  for (const fence of ["1:1", "1:2", "1:3"]) dispatch(fence);
  const [one, two] = [(await before.take("dispatch")).ref, (await before.take("dispatch")).ref];
  before.socket.destroy();
  await eventually(() => assert.equal(executor.workers()[0]?.state, "disconnected"));
  assert.equal(executor.hasRoom("shared"), false, "credits end with the connection");
  clock.advance(9_000);
  const after = connect();
  const welcome = await after.enter(TOKEN, { running: [one.fence, "0:77"], ended: [two.fence, "0:78"] });
  assert.deepEqual(welcome.unknown, ["0:77", "0:78"]);
  await eventually(() => assert.deepEqual([...lost.keys()], ["1:3"]));
  assert.deepEqual({ ...lost.get("1:3"), text: "" }, { ...NONE, text: "" });
  after.succeed(two, "2");
  after.succeed(two, "22");
  after.succeed(one, "1");
  await eventually(() => assert.equal(results.size, 2));
  after.beat();
  assert.deepEqual(new Set((await after.take("result_ack")).fences), new Set(["1:1", "1:2"]));
  assert.equal(String(results.get("1:2")!.value), "2", "the first report counts");
  clock.advance(2_000);
  assert.equal(lost.size, 1, "the lease of the first connection is over");
});

test("a worker that stays away loses its tries; later it is told that nobody waits for them", async (t) => {
  const { connect, dispatch, executor, lost, results, clock } = await startExecutor(t);
  const before = connect();
  await before.enter(TOKEN);
  before.send({ type: "offer", isolation: "shared", count: 4 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  const { ref } = await before.take("dispatch");
  before.socket.destroy();
  await eventually(() => assert.equal(executor.workers()[0]?.state, "disconnected"));
  clock.advance(10_000);
  assert.deepEqual({ ...lost.get("1:1"), text: "" }, { isSuspect: true, isolate: false, text: "" }, "it was alone in a worker that closed");
  const after = connect();
  assert.deepEqual((await after.enter(TOKEN, { ended: ["1:1"] })).unknown, ["1:1"]);
  after.succeed(ref, "1");
  after.beat();
  assert.deepEqual((await after.take("result_ack")).fences, ["1:1"]);
  assert.equal(results.size, 0, "its fence is another one's by now");
});

test("of one worker, the newer connection counts", async (t) => {
  const { connect, dispatch, executor, lost, results } = await startExecutor(t);
  const halfOpen = connect();
  await halfOpen.enter(TOKEN);
  halfOpen.send({ type: "offer", isolation: "shared", count: 1 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  const { ref } = await halfOpen.take("dispatch");
  const again = connect();
  await again.enter(TOKEN, { running: ["1:1"] });
  await halfOpen.closed();
  again.succeed(ref, "1");
  await eventually(() => assert.equal(results.size, 1));
  assert.deepEqual([lost.size, executor.workers().length], [0, 1]);
});

test("a worker gets values and bundles for the tries that it has, and no others", async (t) => {
  const { connect, dispatch, executor } = await startExecutor(t);
  const worker = connect();
  await worker.enter(TOKEN);
  worker.send({ type: "offer", isolation: "shared", count: 1 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  const { place } = await worker.take("place");
  assert.deepEqual(place, { bundleHash: HASH, file: "d.ts", dagId: "d", taskId: "t", lockfile: null });
  const { ref } = await worker.take("dispatch");
  let request = 0;
  const get = async (what: "variable" | "bundle", id: string, of = ref) => {
    request += 1;
    worker.send({ type: "get", request, ref: of, what, id });
    return eventually(() => {
      const found = worker.received.find(({ header }) => header.type === "value" && header.request === request);
      assert.ok(found);
      return { ...(found.header as { value: unknown; error: string | null }), text: found.tail.toString() };
    });
  };
  assert.equal((await get("variable", "color")).value, "value of color");
  assert.equal((await get("bundle", HASH)).text, TEXT);
  assert.match((await get("bundle", "../../etc/passwd")).error!, /expected a bundle of a task that this worker was given/);
  assert.match((await get("variable", "color", { ...ref, fence: "1:2" })).error!, /does not wait for this try/);
});

test("a try whose lockfile a worker lacks goes to another one, or waits for it; a stop gives it back", async (t) => {
  const harness = await startExecutor(t);
  const { connect, dispatch, executor, warnings, results, lost } = harness;
  harness.lockfile = "f".repeat(64);
  const stale = connect();
  await stale.enter(TOKEN, { worker: "stale" });
  stale.send({ type: "offer", isolation: "shared", count: 4 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  const message = "LOCKFILE_MISMATCH: expected ffffffffffff, got none";
  for (const fence of ["1:1", "1:2"]) {
    dispatch(fence);
    if (fence === "1:1") stale.send({ type: "returned", ref: (await stale.take("dispatch")).ref, code: "LOCKFILE_MISMATCH", message });
    await eventually(() => assert.equal(executor.workers()[0]!.reason, message));
  }
  assert.equal(stale.received.filter(({ header }) => header.type === "dispatch").length, 0, "it is not asked again");
  assert.equal(warnings.filter((line) => line.includes("LOCKFILE_MISMATCH")).length, 1);
  const fresh = connect();
  await fresh.enter(TOKEN, { worker: "fresh" });
  fresh.send({ type: "offer", isolation: "shared", count: 1 });
  fresh.succeed((await fresh.take("dispatch")).ref, "1");
  await eventually(() => assert.deepEqual([...results.keys()], ["1:1"]));
  stale.send({ type: "project" });
  stale.succeed((await stale.take("dispatch")).ref, "2");
  await eventually(() => assert.deepEqual([...results.keys()], ["1:1", "1:2"]));
  dispatch("1:3", "process");
  executor.drain();
  assert.deepEqual({ ...lost.get("1:3"), text: "" }, { ...NONE, text: "" });
});

test("credits are used one by one, asked for when they are gone, and given back when asked", async (t) => {
  const { connect, dispatch, executor } = await startExecutor(t);
  const worker = connect();
  await worker.enter(TOKEN);
  assert.equal(executor.hasRoom("shared"), false);
  assert.equal(executor.hasRoom("shared"), false);
  assert.deepEqual(await worker.take("want"), { type: "want", isolation: "shared" });
  worker.send({ type: "offer", isolation: "shared", count: 3 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  worker.send({ type: "reclaim", isolation: "shared", count: 5 });
  assert.deepEqual(await worker.take("give_back"), { type: "give_back", isolation: "shared", count: 2 });
  assert.equal(executor.hasRoom("shared"), false);
  await worker.take("want");
  assert.equal(worker.received.filter(({ header }) => header.type === "want").length, 0, "it is said once");
});

test("instants of a worker whose clock is wrong are told by this machine's", async (t) => {
  const { connect, dispatch, executor, results, clock } = await startExecutor(t);
  const worker = connect();
  const hour = 3_600_000;
  await worker.enter(TOKEN, { now: clock.now() + hour });
  worker.send({ type: "offer", isolation: "shared", count: 3 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  const endOf = async (fence: string, endedAt: number): Promise<number> => {
    dispatch(fence);
    worker.succeed((await worker.take("dispatch")).ref, "1", endedAt);
    return eventually(() => results.get(fence)!.endedAt);
  };
  assert.equal(await endOf("1:1", clock.now() + hour), clock.now());
  // Late, and no other clock.
  worker.beat(clock.now() + hour - 9_000);
  assert.equal(await endOf("1:2", clock.now() + hour), clock.now());
  worker.beat(clock.now() - hour);
  worker.beat(clock.now() - hour - 9_000);
  assert.equal(await endOf("1:3", clock.now() - hour), clock.now());
});

test("a worker that drains gets nothing more; its farewell gives its tries back at once", async (t) => {
  const { connect, dispatch, executor, lost } = await startExecutor(t);
  const worker = connect();
  await worker.enter(TOKEN);
  worker.send({ type: "offer", isolation: "shared", count: 3 });
  await eventually(() => assert.ok(executor.hasRoom("shared")));
  dispatch("1:1");
  worker.send({ type: "draining" });
  await eventually(() => assert.equal(executor.workers()[0]!.state, "draining"));
  assert.deepEqual([executor.hasRoom("shared"), executor.isConnected], [false, false]);
  worker.send({ type: "bye" });
  await eventually(() => assert.deepEqual({ ...lost.get("1:1"), text: "" }, { ...NONE, text: "" }));
});

test("a port that is taken is told by its option", async (t) => {
  const { address } = await startExecutor(t);
  const clock = new ManualClock();
  const log: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const listener = { onStarted() {}, onLog() {}, onRoom() {}, onLost() {}, onResult() {} };
  const shared = { tls: null, token: TOKEN, scheduler: "s2", version: "test", clock, log, listener, values: { get: async () => null } };
  const second = new RemoteExecutor({ ...shared, host: "127.0.0.1", port: Number(address.split(":")[1]), lockfileOf: () => null });
  await assert.rejects(second.start(), { code: "PORT_IN_USE", hint: /--worker-port/ });
  await second.stop();
});
