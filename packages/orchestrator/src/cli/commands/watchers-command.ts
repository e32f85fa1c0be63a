import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function watchersCommand(context: CommandContext): Command {
  return new Command("watchers")
    .description("Asset watchers: what listens to queues")
    .addCommand(listCommand(context))
    .addCommand(showCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the watchers, their triggers, and how they are", [
    "millrace watchers list",
    "millrace watchers list --asset readings",
  ])
    .option("--asset <asset>", "only those of this asset: its name, URI or id")
    .action(async (options) => (await import("../actions/watcher-actions.ts")).listWatchers(context, options));
}

function showCommand(context: CommandContext): Command {
  return clientCommand("show", "one watcher: its trigger, how it is, and why it is paused", [
    "millrace watchers show readings.kafka",
    "millrace watchers show readings",
  ])
    .argument("<watcher>", "ASSET.NAME, or the asset alone for all of its watchers")
    .action(async (watcher, options) => (await import("../actions/watcher-actions.ts")).showWatcher(context, watcher, options));
}
