import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function dbCommand(context: CommandContext): Command {
  return new Command("db").description("The metadata DB").addCommand(purgeCommand(context));
}

function purgeCommand(context: CommandContext): Command {
  const examples = ["millrace db purge --older-than 7d --dry-run", "millrace db purge --older-than 7d"];
  return clientCommand("purge", "deletes ended runs, events and dead letters that are older; by the running server, or on its file", examples)
    .requiredOption("--older-than <duration>", "at least an hour: 12h, 7d")
    .option("--dry-run", "only count what would go")
    .option("--db <url>", "metadata DB, where no server runs: sqlite:FILE (MILLRACE_DB_URL)")
    .action(async (options) => (await import("../actions/purge-action.ts")).purgeDatabase(context, options));
}
