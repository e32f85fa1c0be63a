import type { ClientBase } from "pg";
import { type AskDatabase, checkInvariants, checkRows, type DatabaseCheck } from "../check-invariants.ts";

const INVALID_INDEXES = "SELECT indexrelid::regclass::text AS sample FROM pg_index WHERE NOT indisvalid";
const NEXT_COMMIT = "SELECT last_value + 1 FROM commit_number";

/** What is in the database, of one state of it. The server looks after its files itself. */
export async function checkPostgres(client: ClientBase): Promise<readonly DatabaseCheck[]> {
  const ask: AskDatabase = async (sql) => (await client.query<Record<string, unknown>>(sql)).rows;
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  const checks = [await checkRows(ask, "every index is valid", INVALID_INDEXES), ...(await checkInvariants(ask, NEXT_COMMIT))];
  await client.query("ROLLBACK");
  return checks;
}
