import { ORDINALS_PER_COMMIT } from "../domain/ids.ts";
import { ACTIVE_LIMIT } from "../domain/states.ts";

export interface DatabaseCheck {
  readonly name: string;
  /** How many rows break it. */
  readonly broken: number;
  /** The first of them, or what the database says. */
  readonly samples: readonly string[];
}

/** Asks the database; of one state of it throughout. */
export type AskDatabase = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

const MAX_SAMPLES = 3;

function orphans(table: string, column: string, parent: string, parentColumn = "id"): string {
  return `SELECT ${column} AS sample FROM ${table} WHERE ${column} IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ${parent} WHERE ${parent}.${parentColumn} = ${table}.${column})`;
}

const OF_RUN = ["task_instance", "task_try", "xcom", "task_log", "dag_run_event", "outbox_message"];
const WITH_IDS = ["asset_event", "dag_run", "pattern_event", "dead_letter", "outbox_message"];

/** What must hold whatever happened; each query gives the rows for which it does not. */
const INVARIANTS: Readonly<Record<string, string>> = {
  "every DAG has its version": orphans("dag", "version_id", "dag_version"),
  "every run has its dag version": orphans("dag_run", "version_id", "dag_version"),
  "every active run has its event": `SELECT id AS sample FROM dag_run WHERE state < ${ACTIVE_LIMIT} AND event_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM asset_event e WHERE e.id = dag_run.event_id)`,
  ...Object.fromEntries(OF_RUN.map((table) => [`every row of ${table} has its run`, orphans(table, "run_id", "dag_run")])),
  "every event has its asset": orphans("asset_event", "asset_id", "asset"),
  "every event in an inbox is stored": orphans("pattern_event", "event_id", "asset_event"),
  "every inbox has its DAG": orphans("pattern_event", "dag", "dag"),
  "every later decision has its event": orphans("event_decision", "event_id", "asset_event"),
  "every position has its source": orphans("source_position", "source_id", "source"),
  "every watcher's trigger is stored": orphans("watcher_trigger", "trigger_id", "trigger"),
};

/** `nextCommit` selects the number that the next commit's ids are made of. */
export async function checkInvariants(ask: AskDatabase, nextCommit: string): Promise<readonly DatabaseCheck[]> {
  const beyond = WITH_IDS.map((table) => `SELECT id AS sample FROM ${table} WHERE id >= (${nextCommit}) * ${ORDINALS_PER_COMMIT}`);
  const checks: DatabaseCheck[] = [];
  for (const [name, sql] of Object.entries({ ...INVARIANTS, "no id comes twice": beyond.join(" UNION ALL ") }))
    checks.push(await checkRows(ask, name, sql));
  return checks;
}

/** None of the rows of `sql`, which has one column, `sample`. A database that is damaged cannot be looked through. */
export async function checkRows(ask: AskDatabase, name: string, sql: string): Promise<DatabaseCheck> {
  try {
    const [counted] = await ask(`SELECT count(*) AS n FROM (${sql}) AS broken`);
    const rows = counted!["n"] === 0 ? [] : await ask(`${sql} LIMIT ${MAX_SAMPLES}`);
    return { name, broken: Number(counted!["n"]), samples: rows.map(({ sample }) => String(sample)) };
  } catch (error) {
    return { name, broken: 1, samples: [(error as Error).message] };
  }
}
