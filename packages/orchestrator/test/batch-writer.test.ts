import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { createServer, connect, type Socket } from "node:net";
import { skipWithout, TcpProxy } from "@millrace/test-services";
import { ShardLost } from "../src/domain/committer.ts";
import { DECISION_CODES } from "../src/domain/decision.ts";
import { type BatchWriter, StoreUnavailable, type Work, WorkFailure } from "../src/metadata-db/committer.ts";
import { PostgresBatchWriter } from "../src/metadata-db/postgres/postgres-batch-writer.ts";
import { PostgresRunner } from "../src/metadata-db/postgres/postgres-runner.ts";
import { all, execute, type SqlRunner, type SqlValue } from "../src/metadata-db/sql-script.ts";
import { openDatabase } from "../src/metadata-db/sqlite/open-database.ts";
import { SqliteBatchWriter } from "../src/metadata-db/sqlite/sqlite-batch-writer.ts";
import { SqliteRunner } from "../src/metadata-db/sqlite/sqlite-runner.ts";
import { SqlRunStore } from "../src/metadata-db/stores/run-store.ts";
import { SourceStore } from "../src/metadata-db/stores/source-store.ts";
import { at, entry, foldOf, held, ingest, step, testBatchWriter, withId, type WriterUnderTest } from "./batch-writer.testsuite.ts";
import { createDatabase, openTestPostgres, sharedPostgres } from "./postgres-database.ts";

function underTest(runner: SqlRunner, writerOf: (processId: number) => BatchWriter): WriterUnderTest {
  return {
    writer: writerOf(1),
    writerOf,
    store: new SqlRunStore(runner, 1),
    sources: new SourceStore(runner),
    all: <Row extends object>(sql: string, ...parameters: readonly SqlValue[]) => runner.run(() => all<Row>(sql, ...parameters)),
  };
}

testBatchWriter({
  name: "SQLite",
  skip: false,
  open: async () => {
    const db = openDatabase(":memory:");
    return underTest(new SqliteRunner(db), (processId) => new SqliteBatchWriter(db, processId));
  },
});

const skip = skipWithout("postgres");

async function openPostgresWriters(
  t: TestContext,
  { port, answerWithinMs }: { readonly port?: number; readonly answerWithinMs?: number } = {},
) {
  const url = new URL(await createDatabase());
  const database = await openTestPostgres(t, url.href);
  if (port !== undefined) url.port = String(port);
  const runner = new PostgresRunner(database.pool, database.address);
  const live = "INSERT INTO process (roles, state, host, pid, started_at) VALUES ('scheduler', 'live', 'h', 1, 0)";
  for (let count = 0; count < 2; count += 1) await runner.run(() => execute(live));
  await runner.run(() => execute("UPDATE shard SET owner_id = 1"));
  const fenced: number[] = [];
  const writerOf = (processId: number): PostgresBatchWriter => {
    const writer = new PostgresBatchWriter({
      makeClient: () => database.makeClient("commits", { pipeline: true, connectionString: url.href, query_timeout: answerWithinMs }),
      processId,
      ownerOfNewRun: () => processId,
      onFenced: () => void fenced.push(processId),
    });
    t.after(() => writer.close());
    return writer;
  };
  return { ...underTest(runner, writerOf), database, fenced };
}

testBatchWriter({ name: "PostgreSQL", skip, open: (t) => openPostgresWriters(t) });

test("PostgreSQL: two processes that replay under one id at the same time add each event once", { skip }, async (t) => {
  const { all: select, writer, writerOf } = await openPostgresWriters(t);
  const other = writerOf(2);
  const { inbox } = await writer.write([ingest(...Array.from({ length: 50 }, () => held(7)))], 1);
  const items = inbox.map(({ eventId, assetId, triggerId, bytes, slots, dag, shard, versionId }) => {
    return { eventId, assetId, triggerId, bytes, slots, dag, shard, versionId, code: DECISION_CODES.inbox };
  });
  const replay: Work = { kind: "replayEvents", replay: { replayId: 9, items } };
  const backwards: Work = { kind: "replayEvents", replay: { replayId: 9, items: items.toReversed() } };
  const receipts = await Promise.all([writer.write([replay], 2), other.write([backwards], 2)]);
  assert.equal(
    receipts.reduce((sum, receipt) => sum + receipt.inbox.length, 0),
    50,
  );
  assert.equal((await select("SELECT DISTINCT event_id FROM pattern_event WHERE replay_id = 9")).length, 50);
  assert.equal((await select("SELECT 1 FROM pattern_event WHERE replay_id = 9")).length, 50);
});

test("PostgreSQL: two processes that read one partition store each message once (P2)", { skip }, async (t) => {
  const { all: select, writer, writerOf } = await openPostgresWriters(t);
  const other = writerOf(2);
  await Promise.all([writer.write([ingest(at(0), at(1), at(2))], 1), other.write([ingest(at(0), at(1), at(2), at(3))], 1)]);
  assert.deepEqual(await select("SELECT message_offset AS at FROM asset_event ORDER BY at"), [{ at: 0 }, { at: 1 }, { at: 2 }, { at: 3 }]);
  await Promise.all([writer.write([ingest(withId("x"), withId("y"))], 1), other.write([ingest(withId("y"), withId("x"))], 1)]);
  assert.equal((await select("SELECT 1 FROM asset_event WHERE message_id IS NOT NULL")).length, 2);
});

test("PostgreSQL: of two processes that make a run of one id, one is told that it exists", { skip }, async (t) => {
  const { writer, writerOf } = await openPostgresWriters(t);
  const run = { dag: 1, versionId: 1, type: "manual", logicalDate: null, params: null, customRunId: "mine", part: "", events: [] } as const;
  const create: Work = { kind: "create", run };
  const receipts = await Promise.all([writer.write([create], 1), writerOf(2).write([create], 1)]);
  assert.equal(receipts.filter(({ results }) => results[0] instanceof WorkFailure).length, 1);
});

test("PostgreSQL: a process that was declared dead stores nothing more, and is told", { skip }, async (t) => {
  const { all: select, writer, fenced } = await openPostgresWriters(t);
  const { runs } = await writer.write([ingest(entry())], 1);
  await select("UPDATE process SET state = 'dead' WHERE id = 1");
  const ended = step(runs[0]!.id, { run: { state: 10, startedAt: 1, endedAt: 2, rescues: 0, error: null } });
  for (const work of [ingest(entry()), ended]) await assert.rejects(writer.write([work], 2) as Promise<unknown>, StoreUnavailable);
  assert.deepEqual(fenced, [1, 1]);
  assert.deepEqual(await select("SELECT state FROM dag_run"), [{ state: 0 }]);
});

test("PostgreSQL: what was folded under a lease that is lost, or was lost in between, is not stored", { skip }, async (t) => {
  const { all: select, writer } = await openPostgresWriters(t);
  const { inbox } = await writer.write([ingest(held(7))], 1);
  for (const lost of ["owner_id = 2", "owner_id = 1, epoch = 2"]) {
    await select(`UPDATE shard SET ${lost} WHERE id = 9`);
    const { results, runs } = await writer.write([foldOf(inbox), ingest(entry())], 2);
    assert.ok(results[0] instanceof WorkFailure && results[0].error instanceof ShardLost);
    assert.equal(runs.length, 1, "the rest of the batch is stored");
  }
  assert.equal((await select("SELECT 1 FROM pattern_event")).length, 1);
});

test("PostgreSQL: text that it cannot hold is stored with a sign in its place; bytes are as they came", { skip }, async (t) => {
  const { all: select, writer } = await openPostgresWriters(t);
  const bytes = Buffer.from([0, 1, 255, 92, 34]);
  const odd = (offset: number): ReturnType<typeof entry> => {
    const [event] = entry().events;
    const position = { partition: 'a"\\{}', offset };
    return entry({ messageId: 'm\0"\\,NULL', position, events: [{ ...event!, payload: bytes, messageKey: bytes, partitionKey: "NULL" }] });
  };
  await writer.write([ingest(odd(0))], 1);
  await writer.write([ingest(odd(1), odd(2))], 1);
  const rows = await select<{ payload: Buffer; message_id: string; partition: string; partition_key: string }>("SELECT * FROM asset_event");
  assert.equal(rows.length, 3);
  for (const row of rows) {
    assert.deepEqual([...row.payload], [...bytes]);
    assert.deepEqual([row.message_id, row.partition, row.partition_key], ['m\uFFFD"\\,NULL', 'a"\\{}', "NULL"]);
  }
});

/** Passes everything on until the client commits; then the server's answer is kept, and the connection cut. */
async function startCuttingProxy(t: TestContext, port: number): Promise<{ readonly port: number; isCutting: boolean }> {
  const sockets = new Set<Socket>();
  const proxy = { port: 0, isCutting: false };
  const server = createServer((client) => {
    const target = connect(port, "127.0.0.1");
    let isCommitting = false;
    for (const socket of [client, target]) sockets.add(socket.on("error", () => undefined));
    client.on("data", (bytes) => {
      isCommitting ||= proxy.isCutting && bytes.includes("COMMIT");
      target.write(bytes);
    });
    target.on("data", (bytes) => {
      if (!isCommitting) client.write(bytes);
      else if (bytes.includes("COMMIT\0")) client.destroy();
    });
    client.on("close", () => target.destroy());
    target.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return Object.assign(proxy, { port: (server.address() as { port: number }).port });
}

test("PostgreSQL: a commit whose answer is lost is not stored again, and what it made is told", { skip }, async (t) => {
  const proxy = await startCuttingProxy(t, (await sharedPostgres()).port);
  const { all: select, writer } = await openPostgresWriters(t, proxy);
  const { runs } = await writer.write([ingest(entry())], 1);
  const event = { taskIndex: 0, mapIndex: 0, event: entry().events[0]! };
  const ended = step(runs[0]!.id, { outletEvents: [event] });
  proxy.isCutting = true;
  await assert.rejects(writer.write([ended], 2) as Promise<unknown>, StoreUnavailable);
  proxy.isCutting = false;
  const receipt = await writer.write([ingest(entry()), ended], 3);
  assert.equal(receipt.runs.length, 2, "the run of the lost answer, and the new one");
  assert.deepEqual(receipt.results, [{ events: 1, deadLetters: 0, duplicates: 0, runs: 1 }, undefined]);
  assert.equal((await select("SELECT 1 FROM asset_event")).length, 3);
  assert.equal((await writer.write([ingest(entry())], 4)).runs.length, 1, "told once");
});

test("PostgreSQL: a connection that is never heard of again is given up; what was on its way is stored once", { skip }, async (t) => {
  const proxy = await TcpProxy.start((await sharedPostgres()).port);
  t.after(() => proxy.stop());
  const { all: select, writer } = await openPostgresWriters(t, { port: proxy.port, answerWithinMs: 500 });
  const { runs } = await writer.write([ingest(entry())], 1);
  const event = { taskIndex: 0, mapIndex: 0, event: entry().events[0]! };
  const ended = step(runs[0]!.id, { outletEvents: [event] });
  proxy.silence();
  await assert.rejects(async () => writer.write([ended], 2), StoreUnavailable);
  proxy.heal();
  await writer.write([ended], 3);
  assert.equal((await select("SELECT 1 FROM asset_event")).length, 2);
});

test("PostgreSQL: tables that are gone for a while are no fault of what is to be stored", { skip }, async (t) => {
  const { all: select, writer } = await openPostgresWriters(t);
  const { runs } = await writer.write([ingest(entry())], 1);
  const ended = step(runs[0]!.id, { run: { state: 10, startedAt: 1, endedAt: 2, rescues: 0, error: null } });
  await select("ALTER TABLE dag_run RENAME TO elsewhere");
  for (const work of [ingest(entry()), ended]) await assert.rejects(async () => writer.write([work], 2), StoreUnavailable);
  await select("ALTER TABLE elsewhere RENAME TO dag_run");
  await writer.write([ended], 3);
  assert.deepEqual(await select("SELECT state FROM dag_run"), [{ state: 10 }]);
});
