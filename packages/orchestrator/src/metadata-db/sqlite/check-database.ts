import type { Database } from "better-sqlite3";
import { ORDINALS_PER_COMMIT } from "../../domain/ids.ts";
import { ACTIVE_LIMIT } from "../../domain/states.ts";

export interface DatabaseCheck {
  readonly name: string;
  /** How many rows break it. */
  readonly broken: number;
  /** The first of them, or what SQLite says. */
  readonly samples: readonly string[];
}

const MAX_SAMPLES = 3;
const MAX_INTEGRITY_LINES = 20;

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
  "no id comes twice": WITH_IDS.map(
    (table) => `SELECT id AS sample FROM ${table} WHERE id >= (SELECT number FROM commit_counter) * ${ORDINALS_PER_COMMIT}`,
  ).join(" UNION ALL "),
};

/** SQLite's own check of the file and ours of what is in it, of one state of the database. */
export function checkDatabase(db: Database): readonly DatabaseCheck[] {
  return db.transaction(() => [checkIntegrity(db), ...Object.entries(INVARIANTS).map(([name, sql]) => checkInvariant(db, name, sql))])();
}

/** What SQLite says of the file's pages and indexes. */
export function checkIntegrity(db: Database): DatabaseCheck {
  return check("the file is sound", () => {
    const lines = db.prepare(`PRAGMA integrity_check(${MAX_INTEGRITY_LINES})`).pluck().all() as string[];
    return lines.length === 1 && lines[0] === "ok" ? [] : lines;
  });
}

function checkInvariant(db: Database, name: string, sql: string): DatabaseCheck {
  return check(name, () => db.prepare(sql).pluck().all() as number[]);
}

/** A file that is damaged cannot be looked through. */
function check(name: string, find: () => readonly (string | number)[]): DatabaseCheck {
  try {
    const broken = find();
    return { name, broken: broken.length, samples: broken.slice(0, MAX_SAMPLES).map(String) };
  } catch (error) {
    return { name, broken: 1, samples: [(error as Error).message] };
  }
}
