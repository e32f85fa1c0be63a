import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function watchersCommand(context: CommandContext): Command {
  return new Command("watchers").description("Asset watchers: what listens to queues").addCommand(listCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the watchers, their triggers, and how they are", [
    "millrace watchers list",
    "millrace watchers list --asset readings",
  ])
    .option("--asset <asset>", "only those of this asset: its name, URI or id")
    .action(async (options) => (await import("../actions/watcher-actions.ts")).listWatchers(context, options));
}
