import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function eventsCommand(context: CommandContext): Command {
  return new Command("events")
    .description("Asset events")
    .addCommand(listCommand(context))
    .addCommand(explainCommand(context))
    .addCommand(replayCommand(context));
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

function replayCommand(context: CommandContext): Command {
  return clientCommand("replay", "has stored events decided once more, by the DAGs as they are now", [
    "millrace events replay --asset readings --since 2h --only-without-run --dry-run",
    "millrace events replay --since 2026-11-21T06:00:00Z --until 2026-11-21T08:00:00Z --dag evaluate_reading",
    `millrace events replay --all --where "payload.celsius > 80.0 && event.partition == '3'"`,
    "millrace events replay 4096 8192 --yes",
  ])
    .argument("[events...]", "their ids")
    .option("--asset <asset>", "those of this asset: its name, URI or id")
    .option("--since <when>", "those stored since then: 2h, 7d or an instant")
    .option("--until <when>", "those stored before then; now, where it is left out")
    .option("--all", "all there are")
    .option("--where <cel>", "those for which it is true: CEL over payload, headers, key, asset, event")
    .option("--dag <dag>", "for this DAG only, not for all that are scheduled on their assets")
    .option("--only-without-run", "those that started no run of the DAG and do not wait for it")
    .option("--replay-id <id>", "goes on with a replay that was interrupted: what it has added is not added again")
    .option("--dry-run", "only say how many would go to each DAG")
    .option("-y, --yes", "do not ask on a terminal")
    .action(async (ids, options) => (await import("../actions/replay-events-action.ts")).replayEvents(context, ids, options));
}
