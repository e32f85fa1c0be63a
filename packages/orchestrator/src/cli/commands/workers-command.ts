import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function workersCommand(context: CommandContext): Command {
  return new Command("workers").description("Workers: what runs tasks, here and on other machines").addCommand(listCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the workers, how they are, and why one gets no work", ["millrace workers list"]).action(async (options) =>
    (await import("../actions/worker-actions.ts")).listWorkers(context, options),
  );
}
