import assert from "node:assert/strict";
import { test } from "node:test";
import { SqlAccountStore } from "../../src/metadata-db/stores/account-store.ts";
import { SqlAuditLog } from "../../src/metadata-db/stores/audit-log.ts";
import type { OpenTestDatabase } from "./test-database.ts";

/** Accounts with their tokens, and who did what. */
export function testAccounts(open: OpenTestDatabase): void {
  test("an account is found by its token until that expires or the account is saved again", async (t) => {
    const store = new SqlAccountStore((await open(t)).runner);
    const ann = { name: "ann", passwordHash: "scrypt$1", role: "viewer" } as const;
    assert.equal(await store.find("ann"), null);
    await store.save(ann, 1);
    const [hash, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    await store.addToken({ hash, userName: "ann", createdAt: 1, expiresAt: 10 });
    assert.deepEqual([await store.find("ann"), await store.findByToken(hash, 9)], [ann, ann]);
    assert.deepEqual([await store.findByToken(hash, 10), await store.findByToken(other, 9)], [null, null]);
    await store.addToken({ hash: other, userName: "ann", createdAt: 10, expiresAt: 20 });
    assert.equal(await store.findByToken(hash, 9), null, "one that expired is dropped by the next");
    await store.save({ ...ann, role: "admin" }, 11);
    assert.deepEqual([(await store.find("ann"))?.role, await store.findByToken(other, 12)], ["admin", null]);
  });

  test("the audit log is read by who, what and when, newest first", async (t) => {
    const { runner, reads } = await open(t);
    const log = new SqlAuditLog(runner);
    await log.record({ userName: "ann", at: 5 }, "dag.pause", "d", { why: "x\0y" });
    await log.record({ userName: "bob", at: 6 }, "dag.pause", "d");
    await log.record({ userName: "ann", at: 7 }, "run.create", "d");
    const page = { limit: 10, offset: 0, order: "descending" } as const;
    const { rows, total } = await reads.audit.list({ userName: "ann" }, page);
    assert.deepEqual([total, rows.map(({ at }) => at), rows[1]?.detail], [2, [7, 5], { why: "x\0y" }]);
    assert.equal((await reads.audit.list({ action: "dag.pause", at: { from: 6 } }, page)).total, 1);
    assert.deepEqual(await reads.audit.find(rows[0]!.id), rows[0]);
  });
}
