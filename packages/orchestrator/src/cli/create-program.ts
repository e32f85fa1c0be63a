import { Command } from "commander";
import type { Environment } from "../config/config.ts";
import { assetsCommand } from "./commands/assets-command.ts";
import { completionCommand } from "./commands/completion-command.ts";
import { connectionsCommand } from "./commands/connections-command.ts";
import { dagsCommand } from "./commands/dags-command.ts";
import { dbCommand } from "./commands/db-command.ts";
import { deadLettersCommand } from "./commands/dead-letters-command.ts";
import { eventsCommand } from "./commands/events-command.ts";
import { initCommand } from "./commands/init-command.ts";
import { processesCommand } from "./commands/processes-command.ts";
import { publishCommand } from "./commands/publish-command.ts";
import { runsCommand } from "./commands/runs-command.ts";
import { apiServerCommand, schedulerCommand, standaloneCommand, triggererCommand } from "./commands/server-commands.ts";
import { tasksCommand } from "./commands/tasks-command.ts";
import { variablesCommand } from "./commands/variables-command.ts";
import { watchersCommand } from "./commands/watchers-command.ts";
import { workerCommand } from "./commands/worker-command.ts";
import { workersCommand } from "./commands/workers-command.ts";
import { xcomsCommand } from "./commands/xcoms-command.ts";
import type { ExitCode } from "./exit-code.ts";
import { readVersion } from "./read-version.ts";

/** What a command is given beside its own arguments. */
export interface CommandContext {
  readonly env: Environment;
  readonly setExitCode: (code: ExitCode) => void;
}

/** The commands and their options alone: what they do is imported when one runs, so that `--help` is quick. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("millrace")
    .description("Event-driven DAG orchestrator: a DAG runs because a message arrived on a queue.")
    .version(readVersion())
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  $ millrace init my-project                    a project of one's own
  $ millrace standalone --dags-folder dags      a whole server on this machine
  $ millrace dags test dags/alert.ts --event '{"celsius": 90}'
  $ millrace runs list
  $ millrace events explain 4096                what an event did, and why

Exit codes: 0 it worked, 1 it failed, 2 the command line or a setting is not understood.`,
    );
  program.addCommand(initCommand());
  for (const command of [standaloneCommand, schedulerCommand, triggererCommand, apiServerCommand]) program.addCommand(command(context));
  program.addCommand(workerCommand(context));
  program.addCommand(dagsCommand(context));
  program.addCommand(runsCommand(context));
  program.addCommand(tasksCommand(context));
  program.addCommand(eventsCommand(context));
  program.addCommand(assetsCommand(context));
  program.addCommand(watchersCommand(context));
  program.addCommand(workersCommand(context)).addCommand(processesCommand(context));
  program.addCommand(deadLettersCommand(context));
  program.addCommand(xcomsCommand(context));
  program.addCommand(connectionsCommand(context));
  program.addCommand(variablesCommand(context));
  program.addCommand(publishCommand(context));
  program.addCommand(dbCommand(context));
  program.addCommand(completionCommand(program));
  inheritSettings(program);
  return program;
}

/** `addCommand` does not hand these down, unlike `command()`. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inheritSettings(command);
  }
}
