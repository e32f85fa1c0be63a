// A rolling upgrade under load: the next version is this code with one migration more.
import { strict as assert } from "node:assert";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, skipWithout } from "@millrace/test-services";
import { checkNumbers, countedEvents, moreNumbers } from "./counted-events.ts";
import { type ProcessCluster, startProcessCluster, WITHIN } from "./process-cluster.ts";

const skip = skipWithout("postgres");
const PACKAGE = fileURLToPath(new URL("..", import.meta.url));

/** Beside this package, so that it finds the same dependencies. Gives its command. */
function makeNextVersion(t: TestContext, migration: string): string {
  const folder = mkdtempSync(join(PACKAGE, "..", ".next-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const part of ["bin", "src", "templates", "package.json"]) cpSync(join(PACKAGE, part), join(folder, part), { recursive: true });
  writeFileSync(join(folder, "src/metadata-db/postgres/migrations/0002_next.sql"), migration);
  return join(folder, "bin/millrace.js");
}

const schemaOf = async ({ rows }: ProcessCluster): Promise<unknown> =>
  (await rows<{ value: string }>("SELECT value FROM meta WHERE key = 'schema_version'"))[0]?.value;

test("a version whose migration old code can live with takes over, one process after the other", { skip }, async (t) => {
  const cluster = await startProcessCluster(t, { files: { "numbers.ts": countedEvents } });
  const old = ["scheduler", "triggerer"].map((role) => cluster.start(`${role}-old`, role));
  await moreNumbers(cluster, 40);
  const next = makeNextVersion(t, "-- compatible with 1\nALTER TABLE dag_run ADD COLUMN note text;\n");
  cluster.startOf(next, "scheduler-next", "scheduler");
  await eventually(async () => assert.equal(await schemaOf(cluster), "2"), WITHIN);
  await moreNumbers(cluster, 40);
  // One of the old version is started once more: its code knows nothing of the column.
  cluster.start("scheduler-old-2", "scheduler");
  await eventually(
    async () => assert.equal((await cluster.rows("SELECT 1 FROM process WHERE state = 'live' AND roles = 'scheduler'")).length, 3),
    WITHIN,
  );
  await moreNumbers(cluster, 40);
  cluster.startOf(next, "triggerer-next", "triggerer");
  for (const member of old) await member.stop();
  await moreNumbers(cluster, 40);
  await checkNumbers(cluster);
  assert.ok(old.every(({ restarts }) => restarts === 0));
});

test(
  "a version whose migration old code cannot live with: an old process that starts is refused, and changes nothing",
  { skip },
  async (t) => {
    const cluster = await startProcessCluster(t, { files: { "numbers.ts": countedEvents } });
    cluster.start("scheduler-old", "scheduler");
    cluster.start("triggerer-old", "triggerer");
    await moreNumbers(cluster, 40);
    // What the old version writes to is gone for it: it holds what it has, and blames nobody's message.
    const next = makeNextVersion(t, "ALTER TABLE dag_run RENAME COLUMN params TO parameters;\n");
    cluster.startOf(next, "api-next", "api-server", "--port", "0");
    await eventually(async () => assert.equal(await schemaOf(cluster), "2"), WITHIN);
    const late = cluster.start("scheduler-late", "scheduler");
    await eventually(() => assert.match(readFileSync(late.logFile, "utf8"), /DB_NEWER/), WITHIN);
    assert.match(readFileSync(late.logFile, "utf8"), /schema version 2.*this Millrace knows versions up to 1/);
    await late.kill();
    assert.deepEqual(await cluster.rows("SELECT 1 FROM dag_run WHERE state > 10"), [], "no run of the old version's failed");
    await cluster.rows("ALTER TABLE dag_run RENAME COLUMN parameters TO params");
    await moreNumbers(cluster, 20);
    await checkNumbers(cluster);
  },
);
