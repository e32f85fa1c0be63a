import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand, exampleCommand } from "./client-command.ts";

export function dagsCommand(context: CommandContext): Command {
  return new Command("dags")
    .description("DAGs: what is loaded and what is not; pausing them, running one by hand, testing one")
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(errorsCommand(context))
    .addCommand(pauseCommand(context))
    .addCommand(unpauseCommand(context))
    .addCommand(triggerCommand(context))
    .addCommand(testCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the DAGs that are loaded", ["millrace dags list", "millrace dags list --tag iot -o json"])
    .option("--tag <tag>", "only DAGs with this tag")
    .option("--paused", "only DAGs that are paused")
    .option("--all", "also DAGs whose file is gone")
    .action(async (options) => (await import("../actions/dag-actions.ts")).listDags(context, options));
}

function showCommand(context: CommandContext): Command {
  return clientCommand("show", "one DAG: what it waits for, its tasks and their needs, its watchers", [
    "millrace dags show evaluate_reading",
  ])
    .argument("<dag>", "id of the DAG")
    .action(async (dag, options) => (await import("../actions/dag-actions.ts")).showDag(context, dag, options));
}

function errorsCommand(context: CommandContext): Command {
  return clientCommand("errors", "the DAG files that do not load, and what to do", [
    "millrace dags errors",
    "millrace dags errors -o json",
  ]).action(async (options) => (await import("../actions/dag-actions.ts")).listImportErrors(context, options));
}

function pauseCommand(context: CommandContext): Command {
  return clientCommand("pause", "starts no more runs of these DAGs; their events are held", ["millrace dags pause evaluate_reading"])
    .argument("<dags...>", "ids of the DAGs")
    .action(async (dags, options) => (await import("../actions/pause-actions.ts")).pauseDags(context, dags, options));
}

function unpauseCommand(context: CommandContext): Command {
  return clientCommand("unpause", "starts runs of these DAGs again, first for the events that were held", [
    "millrace dags unpause evaluate_reading",
    "millrace dags unpause evaluate_reading load_day --drop",
  ])
    .argument("<dags...>", "ids of the DAGs")
    .option("--drop", "the events that were held start nothing")
    .action(async (dags, options) => (await import("../actions/pause-actions.ts")).unpauseDags(context, dags, options));
}

function triggerCommand(context: CommandContext): Command {
  const examples = [
    'millrace dags trigger load_day --conf \'{"day": "2026-11-21"}\' --wait',
    'millrace dags trigger evaluate_reading --payload \'{"sensor": "s1", "celsius": 90}\'',
    "millrace dags trigger evaluate_reading --payload @reading.json --run-id my-run",
  ];
  return clientCommand("trigger", "starts a run by hand", examples)
    .argument("<dag>", "id of the DAG")
    .option("--payload <json>", "payload of its event, for a DAG that is scheduled on an asset: JSON, @FILE or - for standard input")
    .option("--conf <json>", "params of the run: JSON, @FILE or -")
    .option("--run-id <id>", "an id of your own for the run")
    .option("--logical-date <instant>", "like 2026-11-21T00:00:00Z; none unless given")
    .option("--wait", "waits for the end of the run; exit code 1 where it fails")
    .action(async (dag, options) => (await import("../actions/trigger-action.ts")).triggerDag(context, dag, options));
}

function testCommand(context: CommandContext): Command {
  const examples = [
    "millrace dags test dags/alert.ts --event '{\"celsius\": 90}'",
    "millrace dags test dags/etl.ts load_day --event @event.json",
  ];
  return exampleCommand(
    "test",
    "runs one DAG of a file against one payload, without a server or a broker; publishes are printed, not sent",
    examples,
  )
    .argument("<file>", "the DAG file")
    .argument("[dag]", "id of the DAG; may be left out where the file has one")
    .option("--event <json>", "payload of the event: JSON, @FILE or - for standard input")
    .option("--conf <json>", "params of the run: JSON, @FILE or -")
    .action(async (file, dag, options) => (await import("../actions/test-action.ts")).testDagFile(context, file, dag, options));
}
