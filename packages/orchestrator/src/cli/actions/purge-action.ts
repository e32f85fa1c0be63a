import { loadConfig } from "../../config/config.ts";
import { parseDurationMs } from "../../config/option.ts";
import { MillraceError } from "../../domain/errors.ts";
import { PURGED_TABLES, type PurgedTable } from "../../domain/retention.ts";
import type { ApiClient } from "../api-client.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatTable, print } from "../output/print.ts";
import { openClient } from "./open-client.ts";

interface PurgeOptions extends ClientOptions {
  readonly olderThan: string;
  readonly dryRun?: boolean;
  readonly db?: string;
}

interface PurgeBody {
  readonly dry_run: boolean;
  readonly rows: Readonly<Record<PurgedTable, number>>;
  readonly bundles: number;
  readonly is_done: boolean;
}

const HOUR_MS = 3_600_000;

export async function purgeDatabase(context: CommandContext, options: PurgeOptions): Promise<void> {
  const olderThanMs = readAge(options.olderThan);
  const isDryRun = options.dryRun === true;
  const client = findServer(context, options);
  const { rows, bundles } =
    client === null ? await purgeDirectly(context, options, olderThanMs) : await purgeThrough(client, olderThanMs, isDryRun);
  const lines = [...PURGED_TABLES.map((table) => ({ name: table as string, count: rows[table] })), { name: "bundle file", count: bundles }];
  const columns = [
    { title: isDryRun ? "WOULD GO" : "GONE", cell: ({ count }: (typeof lines)[number]) => String(count) },
    { title: "OF", cell: ({ name }: (typeof lines)[number]) => name },
  ];
  const shown = lines.filter(({ count }) => count > 0);
  print(options.output, { dry_run: isDryRun, rows, bundles }, () =>
    formatTable(shown, columns, `nothing is older than ${options.olderThan}`),
  );
}

/** @throws {MillraceError} USAGE */
function readAge(text: string): number {
  const age = parseDurationMs(text);
  if (age !== undefined && age >= HOUR_MS) return age;
  throw new MillraceError("USAGE", `--older-than: expected a duration of at least an hour, like 12h or 7d, got '${text}'`);
}

/** null where none runs here and none was named. */
function findServer(context: CommandContext, options: PurgeOptions): ApiClient | null {
  try {
    return openClient(context, options);
  } catch (error) {
    if (error instanceof MillraceError && error.code === "SERVER_NOT_RUNNING") return null;
    throw error;
  }
}

/** The server answers after some seconds, and goes on with the next request. */
async function purgeThrough(client: ApiClient, olderThanMs: number, isDryRun: boolean): Promise<Pick<PurgeBody, "rows" | "bundles">> {
  const rows = Object.fromEntries(PURGED_TABLES.map((table) => [table, 0])) as Record<PurgedTable, number>;
  let bundles = 0;
  let isDone = false;
  while (!isDone) {
    const answer = await client.post<PurgeBody>("/database/purge", {
      older_than_seconds: Math.floor(olderThanMs / 1_000),
      dry_run: isDryRun,
    });
    for (const table of PURGED_TABLES) rows[table] += answer.rows[table];
    bundles += answer.bundles;
    isDone = answer.is_done;
  }
  return { rows, bundles };
}

async function purgeDirectly(
  { env }: CommandContext,
  { db, dryRun }: PurgeOptions,
  olderThanMs: number,
): Promise<Pick<PurgeBody, "rows" | "bundles">> {
  const { purgeDatabase: purge } = await import("../database/purge-database.ts");
  const { counts, bundles } = await purge(loadConfig(env, { db }), { olderThanMs, isDryRun: dryRun === true });
  return { rows: counts, bundles };
}
