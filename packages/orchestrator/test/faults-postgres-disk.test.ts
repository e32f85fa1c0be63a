// The disk of PostgreSQL is full, its write-ahead log and all.
import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually, skipWithout, startPostgres } from "@millrace/test-services";
import { checkNumbers, countedEvents, moreNumbers } from "./counted-events.ts";
import { asAdmin } from "./postgres-database.ts";
import { startProcessCluster, WITHIN } from "./process-cluster.ts";

const skip = skipWithout("postgres") || (process.getuid?.() === 0 ? false : "only root can make a small disk");

test("messages wait while PostgreSQL's disk is full, and flow again when there is room", { skip }, async (t) => {
  const disk = mkdtempSync(join(tmpdir(), "millrace-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=160m,mode=777", "tmpfs", disk]);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = disk;
  const server = await startPostgres({ isDurable: true }).finally(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  await asAdmin(server.url(), "CREATE DATABASE millrace");
  const cluster = await startProcessCluster(t, { files: { "numbers.ts": countedEvents }, url: server.url("millrace") });
  t.after(async () => {
    await server.stop();
    execFileSync("umount", ["--lazy", disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  const scheduler = cluster.start("scheduler", "scheduler");
  const triggerer = cluster.start("triggerer", "triggerer");
  await moreNumbers(cluster, 40);
  const filler = join(disk, "filler");
  assert.throws(() => writeFileSync(filler, Buffer.alloc(200_000_000)), { code: "ENOSPC" });
  await eventually(() => assert.match(readFileSync(triggerer.logFile, "utf8"), /the metadata DB takes no commits/), WITHIN);
  rmSync(filler);
  await moreNumbers(cluster, 40);
  await checkNumbers(cluster);
  assert.deepEqual([scheduler.restarts, triggerer.restarts], [0, 0]);
});
