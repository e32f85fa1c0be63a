// What happens to PostgreSQL, and to the way there, while messages flow through several processes.
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";
import { eventually, skipWithout, startPgbouncer, startPostgres, TcpProxy } from "@millrace/test-services";
import { Client } from "pg";
import type { Member } from "../../../chaos/member.ts";
import { checkNumbers, countedEvents, moreNumbers } from "./counted-events.ts";
import { asAdmin } from "./postgres-database.ts";
import { type ProcessCluster, startProcessCluster, WITHIN } from "./process-cluster.ts";

const skip = skipWithout("postgres");
const FILES = { "numbers.ts": countedEvents };

async function setUp(t: TestContext, settings: readonly string[] = []) {
  const server = await startPostgres({ isDurable: true, settings });
  t.after(() => server.stop());
  await asAdmin(server.url(), "CREATE DATABASE millrace");
  const cluster = await startProcessCluster(t, { files: FILES, url: server.url("millrace") });
  return { server, cluster };
}

const says = async (member: Member, text: string, times = 1): Promise<void> =>
  eventually(() => assert.ok(readFileSync(member.logFile, "utf8").split(text).length > times, `${member.name}: ${text}`), WITHIN);

async function startParts({ start }: ProcessCluster): Promise<readonly Member[]> {
  return [start("scheduler-1", "scheduler"), start("scheduler-2", "scheduler"), start("triggerer", "triggerer")];
}

test("PostgreSQL is killed under load, and stays away: nothing is lost, nothing doubled, nobody is taken for dead", { skip }, async (t) => {
  const { server, cluster } = await setUp(t);
  const members = await startParts(cluster);
  for (let kill = 0; kill < 2; kill += 1) {
    await moreNumbers(cluster, 40);
    await server.kill();
    for (const member of members) await says(member, "metadata DB cannot be seen", kill + 1);
    await server.start();
  }
  await moreNumbers(cluster, 40);
  await checkNumbers(cluster);
  assert.deepEqual(
    members.map(({ restarts }) => restarts),
    [0, 0, 0],
  );
});

test("a network that forgets a scheduler's connections: its part goes on elsewhere, and it comes back", { skip }, async (t) => {
  const { server, cluster } = await setUp(t);
  const proxy = await TcpProxy.start(server.port);
  t.after(() => proxy.stop());
  const url = `postgres://postgres@127.0.0.1:${proxy.port}/millrace`;
  const cut = cluster.start("cut", "scheduler", { MILLRACE_DB_URL: url });
  await says(cut, "it is the scheduler");
  cluster.start("scheduler", "scheduler");
  cluster.start("triggerer", "triggerer");
  await moreNumbers(cluster, 40);
  proxy.silence();
  await eventually(
    async () => assert.equal((await cluster.rows("SELECT 1 FROM process WHERE state = 'dead' AND roles = 'scheduler'")).length, 1),
    WITHIN,
  );
  await moreNumbers(cluster, 40);
  proxy.heal();
  await eventually(() => assert.equal(cut.restarts, 1), WITHIN);
  await moreNumbers(cluster, 40);
  await checkNumbers(cluster);
});

test("all connections of PostgreSQL are taken by others: what is there waits, and goes on", { skip }, async (t) => {
  const { server, cluster } = await setUp(t, ["max_connections=40", "superuser_reserved_connections=3"]);
  await asAdmin(server.url(), "CREATE ROLE other LOGIN");
  const members = await startParts(cluster);
  await moreNumbers(cluster, 40);
  const hogs: Client[] = [];
  t.after(() => Promise.all(hogs.map((hog) => hog.end())));
  const ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'millrace%'";
  // Millrace's user is a superuser here: the connections that are kept for it are taken as well.
  for (const user of ["other", "postgres"]) {
    for (let isFree = true; isFree;) {
      const hog = new Client({ host: "127.0.0.1", port: server.port, user, database: "postgres" });
      hog.on("error", () => undefined);
      isFree = await hog.connect().then(
        () => hogs.push(hog) > 0,
        () => false,
      );
      if (isFree) await hog.query(user === "postgres" ? ended : "SELECT 1");
    }
  }
  for (const member of members) await says(member, "metadata DB cannot be seen");
  await Promise.all(hogs.splice(0).map((hog) => hog.end()));
  await moreNumbers(cluster, 40);
  await checkNumbers(cluster);
});

test("an administrator's time limits on statements and locks do not stop what is stored", { skip }, async (t) => {
  const { server, cluster } = await setUp(t);
  await asAdmin(server.url(), "ALTER DATABASE millrace SET statement_timeout = '300ms'");
  await asAdmin(server.url(), "ALTER DATABASE millrace SET lock_timeout = '100ms'");
  await startParts(cluster);
  await moreNumbers(cluster, 80);
  await checkNumbers(cluster);
});

test("a whole server with its reads through pgbouncer, under load", { skip: skip || skipWithout("pgbouncer") }, async (t) => {
  const { server, cluster } = await setUp(t);
  const pgbouncer = await startPgbouncer(server);
  t.after(() => pgbouncer.stop());
  const pooled = { MILLRACE_DB_POOL_URL: pgbouncer.url("millrace") };
  const whole = cluster.start("standalone", "standalone", "--port", "0", pooled);
  await moreNumbers(cluster, 40);
  cluster.start("scheduler", "scheduler", pooled);
  await moreNumbers(cluster, 40);
  await whole.kill();
  cluster.start("standalone-2", "standalone", "--port", "0", pooled);
  await moreNumbers(cluster, 40);
  await checkNumbers(cluster);
});

test("without a scheduler a run is refused in so many words, and messages wait; with one it all goes on", { skip }, async (t) => {
  const { cluster } = await setUp(t);
  const scheduler = cluster.start("scheduler", "scheduler");
  cluster.start("triggerer", "triggerer");
  await moreNumbers(cluster, 20);
  await scheduler.stop();
  const refused = /dagRuns: 503 .*NO_SCHEDULER.*no scheduler is running on this metadata DB/;
  await eventually(() => assert.rejects(cluster.call("/api/v2/dags/ticks/dagRuns", { logical_date: null }), refused), WITHIN);
  cluster.start("scheduler-2", "scheduler");
  await moreNumbers(cluster, 20);
  await checkNumbers(cluster);
});
