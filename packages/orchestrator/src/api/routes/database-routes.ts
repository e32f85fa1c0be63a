import { Type } from "typebox";
import { PURGED_TABLES, type PurgedTable } from "../../domain/retention.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";

const HOUR_SECONDS = 3_600;
const PurgeBody = Type.Object(
  {
    older_than_seconds: Type.Integer({ minimum: HOUR_SECONDS }),
    dry_run: Type.Optional(Type.Boolean({ description: "only counts what would go" })),
  },
  { additionalProperties: false },
);
const Counts = Object.fromEntries(PURGED_TABLES.map((table) => [table, Type.Integer()])) as Record<
  PurgedTable,
  ReturnType<typeof Type.Integer>
>;
const Purge = Type.Object({
  dry_run: Type.Boolean(),
  rows: Type.Object(Counts),
  bundles: Type.Integer(),
  is_done: Type.Boolean({ description: "false: this request's time was over, the next one goes on" }),
});

export function databaseRoutes(app: ApiServer, { purge, audit, clock }: ApiContext): void {
  const schema = {
    tags: ["Database"],
    summary: "Deletes ended runs, events and dead letters that are older; what is active, or waited for, stays",
    body: PurgeBody,
    response: { 200: Purge },
  };
  app.post("/api/v2/database/purge", { config: { role: "admin" }, schema }, async ({ body, account }) => {
    const { older_than_seconds: seconds, dry_run: isDryRun = false } = body;
    const { counts, bundles, isDone } = await purge({ olderThanMs: seconds * 1_000, isDryRun });
    if (!isDryRun) await audit.record(actorOf({ account }, clock), "database.purge", `older than ${seconds} s`, { ...counts });
    return { dry_run: isDryRun, rows: { ...counts }, bundles, is_done: isDone };
  });
}
