import { hostname } from "node:os";
import type { Database } from "better-sqlite3";

/** Registers this process, and declares dead whatever used the file before: the lock says that nobody else does now. */
export function registerProcess(db: Database, roles: readonly string[], now: number): number {
  return db.transaction(() => {
    db.prepare("UPDATE process SET state = 'dead' WHERE state = 'live'").run();
    const row = db.prepare("INSERT INTO process (roles, state, host, pid, started_at) VALUES (?, 'live', ?, ?, ?)");
    const id = Number(row.run(roles.join(","), hostname(), process.pid, now).lastInsertRowid);
    db.prepare("UPDATE dag_run INDEXED BY dag_run_active SET owner_id = ?, is_adopted = 1 WHERE state < 10").run(id);
    db.prepare("UPDATE outbox_message SET owner_id = ? WHERE state < 10").run(id);
    db.prepare("UPDATE shard SET owner_id = ?, epoch = epoch + 1").run(id);
    return id;
  })();
}
