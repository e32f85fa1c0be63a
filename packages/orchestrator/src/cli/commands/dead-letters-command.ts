import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function deadLettersCommand(context: CommandContext): Command {
  return new Command("dead-letters")
    .description("Dead letters: messages that could not become asset events")
    .addCommand(listCommand(context))
    .addCommand(showCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the newest of them, and why", [
    "millrace dead-letters list",
    "millrace dead-letters list --asset readings --limit 5",
  ])
    .option("--asset <asset>", "only those of this asset: its name, URI or id")
    .option("--limit <n>", "how many at most", "20")
    .action(async (options) => (await import("../actions/dead-letter-actions.ts")).listDeadLetters(context, options));
}

function showCommand(context: CommandContext): Command {
  return clientCommand("show", "one of them: the message as it came, its headers, the reason", ["millrace dead-letters show 20480"])
    .argument("<dead-letter>", "its id, or `latest`")
    .action(async (id, options) => (await import("../actions/dead-letter-actions.ts")).showDeadLetter(context, id, options));
}
