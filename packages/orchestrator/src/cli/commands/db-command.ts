import { Command, Option } from "commander";
import type { CommandContext } from "../create-program.ts";
import { OUTPUT_FORMATS } from "../output/output-format.ts";
import { clientCommand, exampleCommand } from "./client-command.ts";

export function dbCommand(context: CommandContext): Command {
  return new Command("db")
    .description("The metadata DB")
    .addCommand(purgeCommand(context))
    .addCommand(checkCommand(context))
    .addCommand(versionCommand(context))
    .addCommand(migrateCommand(context))
    .addCommand(backupCommand(context))
    .addCommand(restoreCommand(context));
}

function purgeCommand(context: CommandContext): Command {
  const examples = ["millrace db purge --older-than 7d --dry-run", "millrace db purge --older-than 7d"];
  return clientCommand(
    "purge",
    "deletes ended runs, events and dead letters that are older; by the running server, or on its database",
    examples,
  )
    .requiredOption("--older-than <duration>", "at least an hour: 12h, 7d")
    .option("--dry-run", "only count what would go")
    .option("--db <url>", "metadata DB, where no server runs: sqlite:FILE or postgres://… (MILLRACE_DB_URL)")
    .action(async (options) => (await import("../actions/purge-action.ts")).purgeDatabase(context, options));
}

const actions = async () => import("../actions/database-actions.ts");

function checkCommand(context: CommandContext): Command {
  return databaseCommand("check", "whether the database is sound and what is in it hangs together; also while a server runs", [
    "millrace db check",
  ]).action(async (options) => (await actions()).checkDatabase(context, options));
}

function versionCommand(context: CommandContext): Command {
  return databaseCommand("version", "the schema's version, and the newest this Millrace knows", ["millrace db version"]).action(
    async (options) => (await actions()).showDatabaseVersion(context, options),
  );
}

function migrateCommand(context: CommandContext): Command {
  return databaseCommand("migrate", "brings the schema up to this version, as the next start would", ["millrace db migrate"]).action(
    async (options) => (await actions()).migrateDatabase(context, options),
  );
}

function backupCommand(context: CommandContext): Command {
  return databaseCommand("backup", "copies the database, also while a server runs", ["millrace db backup /backup/millrace-$(date +%F).db"])
    .argument("<file>", "a new file")
    .action(async (file, options) => (await actions()).backupDatabase(context, file, options));
}

function restoreCommand(context: CommandContext): Command {
  return databaseCommand("restore", "puts a backup in the database's place and keeps what was there; not while a server runs", [
    "millrace db restore /backup/millrace-2026-11-21.db",
  ])
    .argument("<file>", "a file that `db backup` made")
    .action(async (file, options) => (await actions()).restoreDatabase(context, file, options));
}

/** On the database itself, with or without a server. */
function databaseCommand(name: string, summary: string, examples: readonly string[]): Command {
  return exampleCommand(name, summary, examples)
    .addOption(new Option("-o, --output <format>", "how to print").choices(OUTPUT_FORMATS).default("table"))
    .option(
      "--db <url>",
      "sqlite:FILE or postgres://…, instead of the database of $MILLRACE_HOME (MILLRACE_DB_URL, where a password is not seen)",
    );
}
