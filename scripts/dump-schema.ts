// Writes the schemas that the migrations make to schema.sql beside them; --check compares instead.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { skipWithout, startPostgres } from "@millrace/test-services";
import { openDatabase } from "../packages/orchestrator/src/metadata-db/sqlite/open-database.ts";
import { openPostgres } from "../packages/orchestrator/src/metadata-db/postgres/open-postgres.ts";
import { createLog } from "../packages/orchestrator/src/telemetry/log.ts";
import { describePostgresSchema } from "./postgres-schema.ts";

const isCheck = process.argv.includes("--check");

function dumpSqlite(): string {
  const db = openDatabase(":memory:");
  const rows = db
    .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name")
    .all() as { sql: string }[];
  db.close();
  return rows.map(({ sql }) => `${sql};`).join("\n\n");
}

async function dumpPostgres(): Promise<string> {
  const server = await startPostgres({ isDurable: true });
  try {
    const log = createLog({ level: "warn", format: "human" });
    const database = await openPostgres({ url: server.url(), poolUrl: null, role: "dump-schema", log });
    const dump = await describePostgresSchema(database.pool);
    await database.close();
    return dump;
  } finally {
    await server.stop();
  }
}

function store(dialect: "sqlite" | "postgres", dump: string): void {
  const file = fileURLToPath(new URL(`../packages/orchestrator/src/metadata-db/${dialect}/schema.sql`, import.meta.url));
  const text = `-- Made by \`node scripts/dump-schema.ts\`: what the migrations add up to.\n\n${dump}\n`;
  if (!isCheck) {
    writeFileSync(file, text);
  } else if (readFileSync(file, "utf8") !== text) {
    console.error(`${dialect}/schema.sql is not what the migrations make: run \`node scripts/dump-schema.ts\` and commit the result`);
    process.exitCode = 1;
  }
}

store("sqlite", dumpSqlite());
const reason = skipWithout("postgres");
if (reason === false) store("postgres", await dumpPostgres());
else console.error(`postgres/schema.sql was not ${isCheck ? "compared" : "written"}: ${reason}`);
