import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function eventsCommand(context: CommandContext): Command {
  return new Command("events").description("Asset events").addCommand(listCommand(context)).addCommand(explainCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the newest asset events", [
    "millrace events list",
    "millrace events list --asset readings --limit 5 -o json",
  ])
    .option("--asset <name>", "only events of this asset")
    .option("--limit <n>", "how many at most", "20")
    .action(async (options) => (await import("../actions/event-actions.ts")).listEvents(context, options));
}

function explainCommand(context: CommandContext): Command {
  return clientCommand("explain", "what an event did for each DAG, and why", [
    "millrace events explain 4096",
    "millrace events explain latest",
  ])
    .argument("<event>", "id of the event, or `latest`")
    .action(async (event, options) => (await import("../actions/event-actions.ts")).explainEvent(context, event, options));
}
