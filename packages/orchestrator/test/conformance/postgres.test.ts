import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { skipWithout } from "@millrace/test-services";
import { openPostgresTest } from "./test-database.ts";
import { PurgeWriter, REMOTE_PACE } from "../../src/metadata-db/purge/purge-writer.ts";
import { testAccounts } from "./accounts.testsuite.ts";
import { testDefinitions } from "./definitions.testsuite.ts";
import { testPurge } from "./purge.testsuite.ts";
import { testReads } from "./reads.testsuite.ts";
import { testStoredConnections } from "./stored-connections.testsuite.ts";
import { testWatchers } from "./watchers.testsuite.ts";

describe("on PostgreSQL", { skip: skipWithout("postgres") }, () => {
  for (const suite of [testReads, testStoredConnections, testWatchers, testDefinitions, testAccounts, testPurge]) suite(openPostgresTest);

  test("bundles that no version and no trigger needs go once they are old", async (t) => {
    const { runner, query } = await openPostgresTest(t);
    const add = "INSERT INTO bundle (hash, code, created_at) VALUES (?, ?, ?)";
    for (const [hash, at] of [
      ["b", 0],
      ["of a trigger", 0],
      ["unused", 0],
      ["young", 50],
    ] as const)
      await query(add, hash, Buffer.from("1"), at);
    await query("INSERT INTO trigger_kind (kind, file, bundle_hash, source_path) VALUES ('own', 'a.ts', 'of a trigger', '/a.ts')");
    const writer = new PurgeWriter(runner, REMOTE_PACE, true);
    const step = { table: "dag_version", dag: null, keptLonger: [], before: 50, after: null } as const;
    await runner.transaction(() => writer.step({ ...step, isDryRun: true }));
    assert.equal((await query("SELECT hash FROM bundle")).length, 4);
    await runner.transaction(() => writer.step({ ...step, isDryRun: false }));
    assert.deepEqual(await query("SELECT hash FROM bundle ORDER BY hash"), [{ hash: "b" }, { hash: "of a trigger" }, { hash: "young" }]);
  });
});
