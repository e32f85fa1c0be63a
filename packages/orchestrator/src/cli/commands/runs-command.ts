import { Command, Option } from "commander";
import { DAG_RUN_STATE_CODES } from "../../domain/states.ts";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function runsCommand(context: CommandContext): Command {
  return new Command("runs").description("DAG runs").addCommand(listCommand(context)).addCommand(showCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the newest runs", ["millrace runs list", "millrace runs list evaluate_reading --state failed --limit 5"])
    .argument("[dag]", "id of the DAG; all of them where it is left out")
    .addOption(new Option("--state <state...>", "only runs in these states").choices(Object.keys(DAG_RUN_STATE_CODES)))
    .option("--limit <n>", "how many at most", "20")
    .action(async (dag, options) => (await import("../actions/run-actions.ts")).listRuns(context, dag, options));
}

function showCommand(context: CommandContext): Command {
  const examples = ["millrace runs show evaluate_reading latest", "millrace runs show evaluate_reading my-run -o yaml"];
  return clientCommand("show", "one run: its state, what started it, its tasks and their errors", examples)
    .argument("<dag>", "id of the DAG")
    .argument("<run>", "id of the run, or `latest`")
    .action(async (dag, run, options) => (await import("../actions/run-actions.ts")).showRun(context, dag, run, options));
}
