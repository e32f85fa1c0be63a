// Writes the schema that the migrations make to schema.sql beside them; --check compares instead.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../packages/orchestrator/src/metadata-db/sqlite/open-database.ts";

const file = fileURLToPath(new URL("../packages/orchestrator/src/metadata-db/sqlite/schema.sql", import.meta.url));
const db = openDatabase(":memory:");
const rows = db
  .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name")
  .all() as { sql: string }[];
const dump = `-- Made by \`node scripts/dump-schema.ts\`: what the migrations add up to.\n\n${rows.map(({ sql }) => `${sql};`).join("\n\n")}\n`;
db.close();

if (!process.argv.includes("--check")) {
  writeFileSync(file, dump);
} else if (readFileSync(file, "utf8") !== dump) {
  console.error("schema.sql is not what the migrations make: run `node scripts/dump-schema.ts` and commit the result");
  process.exit(1);
}
