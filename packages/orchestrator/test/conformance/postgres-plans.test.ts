import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithout } from "@millrace/test-services";
import { Kysely, PostgresDialect } from "kysely";
import type { Database } from "../../src/domain/tables.ts";
import { createReads } from "../../src/metadata-db/reads/create-reads.ts";
import { askForPages } from "../ask-for-pages.ts";
import { SEEDED_AT } from "../seeded-database.ts";
import { openPostgresPool } from "./test-database.ts";

const HISTORY = 300_000;
const LARGE_TABLES = new Set(["asset_event", "dag_run", "task_instance", "task_log", "dead_letter", "event_decision"]);

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Plan Rows": number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): readonly PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

test(
  "a page of a history of 300,000 runs is found by index on PostgreSQL: no scan, no sort",
  { skip: skipWithout("postgres") },
  async (t) => {
    const pool = await openPostgresPool(t);
    const at = `${SEEDED_AT + 100_000} + n * 1000`;
    const from = `FROM generate_series(0, ${HISTORY - 1}) AS n`;
    await pool.query(`INSERT INTO asset_event (id, asset_id, payload, created_at, decisions)
    SELECT (100 + n) * 4096, 1, '1', ${at}, '[[112,1,1]]' ${from}`);
    await pool.query(`INSERT INTO dag_run (id, dag, version_id, state, run_type, event_id, owner_id, created_at, ended_at)
    SELECT (100 + n) * 4096 + 1, 11, 112, 10, 0, (100 + n) * 4096, 1, ${at}, ${at} + 500 ${from}`);
    await pool.query(
      `INSERT INTO task_instance (run_id, task_index, map_index, state, try) SELECT (100 + n) * 4096 + 1, 0, -1, 10, 1 ${from}`,
    );
    await pool.query(
      `INSERT INTO dead_letter (id, asset_id, reason_code, reason, created_at) SELECT (100 + n) * 4096 + 2, 1, 'X', '', ${at} ${from}`,
    );
    await pool.query(`INSERT INTO event_decision (event_id, dag, code, at) SELECT (100 + n) * 4096, 12, 1, ${at} ${from}`);
    await pool.query(
      `INSERT INTO task_log (run_id, task_index, map_index, try, seq, chunk) SELECT (100 + n) * 4096 + 1, 0, -1, 1, 0, '' ${from}`,
    );
    await pool.query("VACUUM ANALYZE");
    const seen: { sql: string; parameters: readonly unknown[] }[] = [];
    const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }), log: ({ query }) => void seen.push(query) });
    await askForPages(createReads(db));
    assert.ok(seen.length > 50);
    // A count of all that match looks at all; what is active is counted among the active.
    const isCount = (sql: string): boolean => sql.includes("count(") && !sql.includes("state < 10");
    const wrong = new Set<string>();
    for (const { sql, parameters } of seen) {
      const { rows } = await pool.query<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(`EXPLAIN (FORMAT JSON) ${sql}`, [...parameters]);
      for (const node of nodesOf(rows[0]!["QUERY PLAN"][0].Plan)) {
        const table = node["Relation Name"] ?? "";
        const isScan = node["Node Type"] === "Seq Scan" && LARGE_TABLES.has(table) && !isCount(sql);
        const isSort = node["Node Type"] === "Sort" && node["Plan Rows"] > 1_000;
        if (isScan || isSort) wrong.add(`${node["Node Type"]} ${table} (${node["Plan Rows"]} rows): ${sql}`);
      }
    }
    assert.deepEqual([...wrong], []);
  },
);
