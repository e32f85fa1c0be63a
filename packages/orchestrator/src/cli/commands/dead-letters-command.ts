import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function deadLettersCommand(context: CommandContext): Command {
  return new Command("dead-letters")
    .description("Dead letters: messages that could not become asset events")
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(replayCommand(context))
    .addCommand(discardCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the newest of them, and why", [
    "millrace dead-letters list",
    "millrace dead-letters list --asset readings --reason SCHEMA --since 2h",
  ])
    .option("--asset <asset>", "only those of this asset: its name, URI or id")
    .option("--reason <code>", "only those with this reason, such as SCHEMA")
    .option("--since <when>", "only those stored since then: 2h, 7d or an instant")
    .option("--limit <n>", "how many at most", "20")
    .action(async (options) => (await import("../actions/dead-letter-actions.ts")).listDeadLetters(context, options));
}

function showCommand(context: CommandContext): Command {
  return clientCommand("show", "one of them: the message as it came, its headers, the reason", ["millrace dead-letters show 20480"])
    .argument("<dead-letter>", "its id, or `latest`")
    .action(async (id, options) => (await import("../actions/dead-letter-actions.ts")).showDeadLetter(context, id, options));
}

function replayCommand(context: CommandContext): Command {
  const examples = [
    "millrace dead-letters replay --asset readings --dry-run",
    "millrace dead-letters replay 20480 20481",
    "millrace dead-letters replay --all",
  ];
  return selecting(
    clientCommand("replay", "takes them again, by their assets as they are now; what still does not fit stays", examples),
  ).action(async (ids, options) => (await import("../actions/change-dead-letters-action.ts")).replayDeadLetters(context, ids, options));
}

function discardCommand(context: CommandContext): Command {
  const examples = ["millrace dead-letters discard 20480", "millrace dead-letters discard --asset readings"];
  return selecting(clientCommand("discard", "gives them up", examples)).action(async (ids, options) =>
    (await import("../actions/change-dead-letters-action.ts")).discardDeadLetters(context, ids, options),
  );
}

function selecting(command: Command): Command {
  return command
    .argument("[dead-letters...]", "their ids")
    .option("--asset <asset>", "those of this asset: its name, URI or id")
    .option("--all", "all there are")
    .option("--dry-run", "only say what would be done");
}
