import { hostname } from "node:os";
import { type ClusterProcess, type OwnLoad, type Role, ROLES } from "../../../domain/cluster.ts";
import type { Heartbeat } from "../../../domain/peer-liveness.ts";
import { all, execute, first, type Script } from "../../sql-script.ts";

export type LiveProcess = ClusterProcess & Heartbeat;

interface ProcessRow {
  readonly id: number;
  readonly roles: string;
  readonly host: string;
  readonly pid: number;
  readonly heartbeat: number;
  readonly address: string | null;
  readonly load: number;
  readonly full_triggers: string;
  readonly started_at: number;
}

/** Its id, which no other process ever gets. */
export function* registerProcess(now: number): Script<number> {
  const row = yield* first<{ id: number }>(
    "INSERT INTO process (roles, state, host, pid, started_at) VALUES ('', 'live', ?, ?, ?) RETURNING id",
    hostname(),
    process.pid,
    now,
  );
  return row!.id;
}

/** What it does from now on. */
export function* setRoles(id: number, roles: readonly Role[]): Script<void> {
  yield* execute("UPDATE process SET roles = ? WHERE id = ? AND state = 'live'", roles.join(","), id);
}

/** False where another process has declared this one dead. */
export function* beat(id: number, { load, fullTriggers, address }: OwnLoad): Script<boolean> {
  const row = yield* first(
    "UPDATE process SET heartbeat = heartbeat + 1, load = ?, full_triggers = ?, address = ? WHERE id = ? AND state = 'live' RETURNING id",
    load,
    JSON.stringify(fullTriggers),
    address,
    id,
  );
  return row !== undefined;
}

/** In order of id. */
export function* liveProcesses(): Script<readonly LiveProcess[]> {
  const rows = yield* all<ProcessRow>("SELECT * FROM process WHERE state = 'live' ORDER BY id");
  return rows.map(({ roles, full_triggers: full, started_at: startedAt, ...row }) => ({
    ...row,
    startedAt,
    roles: ROLES.filter((role) => roles.split(",").includes(role)),
    fullTriggers: JSON.parse(full) as number[],
  }));
}

/**
 * From then on its commits are refused. False where it has beaten since, or is in the middle of a commit: waiting for that would
 * hold up the heartbeat of whoever waits, and a process that stands still in it is cut off by the database soon.
 */
export function* declareDead({ id, heartbeat }: Heartbeat): Script<boolean> {
  const sql = `UPDATE process SET state = 'dead' WHERE id IN
    (SELECT id FROM process WHERE id = ? AND heartbeat = ? AND state = 'live' FOR UPDATE SKIP LOCKED) RETURNING id`;
  return (yield* first(sql, id, heartbeat)) !== undefined;
}

/** At the end of an orderly stop: what it leaves can be taken over at once. */
export function* retire(id: number): Script<void> {
  yield* execute("UPDATE process SET state = 'dead' WHERE id = ?", id);
}
