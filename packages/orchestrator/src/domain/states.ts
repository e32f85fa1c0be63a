// States are stored as integers; every state below ACTIVE_LIMIT is still active, and partial indexes lean on that.

export const ACTIVE_LIMIT = 10;

export const DAG_RUN_STATE_CODES = { queued: 0, running: 1, success: 10, failed: 11 } as const;
export type DagRunState = keyof typeof DAG_RUN_STATE_CODES;

/** `none` (not yet looked at) is stored as null, or not stored at all. */
export const TASK_INSTANCE_STATE_CODES = {
  scheduled: 0,
  queued: 1,
  running: 2,
  deferred: 3,
  up_for_retry: 4,
  success: 10,
  failed: 11,
  upstream_failed: 12,
  skipped: 13,
  removed: 14,
} as const;
export type TaskInstanceState = keyof typeof TASK_INSTANCE_STATE_CODES;

export const RUN_TYPE_CODES = { asset_triggered: 0, scheduled: 1, manual: 2, backfill: 3, asset_materialization: 4 } as const;
export type RunType = keyof typeof RUN_TYPE_CODES;

export const OUTBOX_STATE_CODES = { pending: 0, sent: 10, rejected: 11 } as const;

function invert<Name extends string>(codes: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map((Object.entries(codes) as [Name, number][]).map(([name, code]) => [code, name]));
}

function reader<Name extends string>(kind: string, codes: Readonly<Record<Name, number>>): (code: number) => Name {
  const names = invert(codes);
  return (code) => {
    const name = names.get(code);
    if (name === undefined) throw new Error(`${kind} code ${code} is not known to this version of Millrace`);
    return name;
  };
}

/** @throws {Error} for a code this version does not know. */
export const readDagRunState = reader("dag run state", DAG_RUN_STATE_CODES);
/** @throws {Error} for a code this version does not know. */
export const readTaskInstanceState = reader("task instance state", TASK_INSTANCE_STATE_CODES);
/** @throws {Error} for a code this version does not know. */
export const readRunType = reader("run type", RUN_TYPE_CODES);
