import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function processesCommand(context: CommandContext): Command {
  return new Command("processes").description("Processes: the schedulers, triggerers and API servers").addCommand(listCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the processes on the metadata DB, what each does, and how it is", ["millrace processes list"]).action(
    async (options) => (await import("../actions/process-actions.ts")).listProcesses(context, options),
  );
}
