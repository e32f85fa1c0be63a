import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function tasksCommand(context: CommandContext): Command {
  return new Command("tasks").description("Tasks of a run").addCommand(logsCommand(context));
}

function logsCommand(context: CommandContext): Command {
  const examples = ["millrace tasks logs evaluate_reading latest", "millrace tasks logs evaluate_reading my-run score --try 1 --follow"];
  return clientCommand("logs", "the log of one try of a task, or of all tasks of a run; `-o json` prints one JSON object a line", examples)
    .argument("<dag>", "id of the DAG")
    .argument("<run>", "id of the run, or `latest`")
    .argument("[task]", "id of the task; all of them where it is left out")
    .option("--try <n>", "which try; the latest where it is left out")
    .option("--follow", "goes on until the try is over")
    .action(async (dag, run, task, options) => (await import("../actions/log-action.ts")).showLogs(context, { dag, run, task }, options));
}
