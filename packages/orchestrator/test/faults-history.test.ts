// P9: what is asked about the present does not walk the past. Plans, not times: they are the same on an empty database.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import SqliteDatabase from "better-sqlite3";
import { type CompiledQuery, Kysely, SqliteDialect } from "kysely";
import type { Database } from "../src/domain/tables.ts";
import { createReads } from "../src/metadata-db/reads/create-reads.ts";
import { seedDatabase } from "./seeded-database.ts";

test("the runs that are under way, of one DAG or of all, are found without their history", async (t) => {
  const { file } = seedDatabase(t);
  const database = new SqliteDatabase(file, { readonly: true });
  const asked: CompiledQuery[] = [];
  const db = new Kysely<Database>({ dialect: new SqliteDialect({ database }), log: ({ query }) => void asked.push(query) });
  t.after(() => db.destroy());
  const { dagRuns } = createReads(db);
  for (const filter of [{ dagId: "evaluate_reading" }, {}]) {
    for (const order of ["ascending", "descending"] as const) {
      await dagRuns.list({ ...filter, states: ["running", "queued"] }, { limit: 50, offset: 0, order });
    }
  }
  const plans = asked
    .filter(({ sql }) => sql.includes("state < 10"))
    .map(({ sql, parameters }) =>
      (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[]).map(({ detail }) => detail).join("; "),
    );
  assert.equal(plans.length, 8, "a page and a count each");
  for (const plan of plans) {
    assert.match(plan, /dag_run_active/);
    assert.doesNotMatch(plan, /dag_run_by_dag \(dag=\?\)/, "one DAG's history");
    assert.doesNotMatch(plan, /SCAN dag_run(?! USING (COVERING )?INDEX dag_run_active)/, "the whole history");
  }
});
