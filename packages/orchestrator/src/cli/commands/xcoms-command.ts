import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function xcomsCommand(context: CommandContext): Command {
  return new Command("xcoms").description("XComs: what tasks gave back").addCommand(listCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "what the tasks of a run gave back", [
    "millrace xcoms list evaluate_reading latest",
    "millrace xcoms list evaluate_reading my-run score -o json",
  ])
    .argument("<dag>", "id of the DAG")
    .argument("<run>", "id of the run, or `latest`")
    .argument("[task]", "id of the task; all of them where it is left out")
    .action(async (dag, run, task, options) =>
      (await import("../actions/xcom-actions.ts")).listXcoms(context, { dag, run, task }, options),
    );
}
