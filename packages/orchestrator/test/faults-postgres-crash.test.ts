// PostgreSQL crashes in the middle of a commit.
import { strict as assert } from "node:assert";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout, startPostgres } from "@millrace/test-services";
import { StoreUnavailable } from "../src/metadata-db/committer.ts";
import { PostgresBatchWriter } from "../src/metadata-db/postgres/postgres-batch-writer.ts";
import { entry, ingest } from "./batch-writer.testsuite.ts";
import { asAdmin, openTestPostgres } from "./postgres-database.ts";

const skip = skipWithout("postgres");
/** A commit stands still for 0.1 s before it is on disk, and nobody else puts it there. */
const SLOW_COMMITS = ["commit_delay=100000", "commit_siblings=0", "wal_writer_delay=10s", "autovacuum=off"];
const COMMITTING = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%commits' AND query = 'COMMIT' AND state = 'active'";

/** A writer whose last commit PostgreSQL has lost, and does not know of. */
async function losingWriter(t: TestContext) {
  const server = await startPostgres({ isDurable: true, settings: SLOW_COMMITS });
  t.after(() => server.stop());
  const url = server.url();
  const database = await openTestPostgres(t, url);
  await asAdmin(url, "INSERT INTO process (roles, state, host, pid, started_at) VALUES ('scheduler', 'live', 'h', 1, 0)");
  const makeClient = () => database.makeClient("commits", { pipeline: true });
  const writer = new PostgresBatchWriter({ makeClient, processId: 1, ownerOfNewRun: () => 1, onFenced: () => assert.fail("fenced") });
  t.after(() => writer.close());
  await writer.write([ingest(entry())], 1);
  const lost = ingest(entry());
  const writing = assert.rejects(writer.write([lost], 2), StoreUnavailable);
  await eventually(async () => {
    const [row] = (await database.pool.query<{ pid: number }>(COMMITTING)).rows;
    assert.ok(row);
    process.kill(row.pid, "SIGKILL");
  });
  await writing;
  /** As the committer does: while the database takes nothing. */
  const write: typeof writer.write = (batch, now) =>
    eventually(async () =>
      Promise.resolve(writer.write(batch, now)).catch((error: unknown) => {
        if (error instanceof StoreUnavailable) throw error;
        return assert.fail(`the batch was blamed: ${String(error)}`);
      }),
    );
  return { write, lost, url };
}

test("a commit that PostgreSQL lost in a crash is stored again", { skip }, async (t) => {
  const { write, lost, url } = await losingWriter(t);
  const { runs } = await write([lost], 3);
  assert.equal(runs.length, 1);
  assert.equal((await asAdmin(url, "SELECT 1 FROM dag_run")).length, 2);
});

test("that another transaction got its id since the crash is no proof of a commit", { skip }, async (t) => {
  const { write, lost, url } = await losingWriter(t);
  // The beats of other processes, say.
  for (let other = 0; other < 20; other += 1) await eventually(() => asAdmin(url, "UPDATE process SET load = load + 1 WHERE id = 1"));
  const { runs } = await write([lost], 3);
  assert.equal(runs.length, 1);
  assert.equal((await asAdmin(url, "SELECT 1 FROM dag_run")).length, 2);
});
