import type { Database } from "better-sqlite3";
import { type AskDatabase, checkInvariants, type DatabaseCheck } from "../check-invariants.ts";

const MAX_SAMPLES = 3;
const MAX_INTEGRITY_LINES = 20;

/** SQLite's own check of the file and ours of what is in it, of one state of the database. */
export async function checkDatabase(db: Database): Promise<readonly DatabaseCheck[]> {
  const ask: AskDatabase = async (sql) => db.prepare(sql).all() as Record<string, unknown>[];
  db.exec("BEGIN");
  try {
    return [checkIntegrity(db), ...(await checkInvariants(ask, "SELECT number FROM commit_counter"))];
  } finally {
    db.exec("COMMIT");
  }
}

/** What SQLite says of the file's pages and indexes. */
export function checkIntegrity(db: Database): DatabaseCheck {
  const name = "the file is sound";
  try {
    const lines = db.prepare(`PRAGMA integrity_check(${MAX_INTEGRITY_LINES})`).pluck().all() as string[];
    const broken = lines.length === 1 && lines[0] === "ok" ? [] : lines;
    return { name, broken: broken.length, samples: broken.slice(0, MAX_SAMPLES) };
  } catch (error) {
    return { name, broken: 1, samples: [(error as Error).message] };
  }
}
