import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function assetsCommand(context: CommandContext): Command {
  return new Command("assets")
    .description("Assets: what schedules DAGs when it changes")
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(eventCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the assets that are loaded", ["millrace assets list", "millrace assets list -o json"]).action(
    async (options) => (await import("../actions/asset-actions.ts")).listAssets(context, options),
  );
}

function showCommand(context: CommandContext): Command {
  return clientCommand("show", "one asset: its watchers, the DAGs it schedules, the tasks that update it, what waits", [
    "millrace assets show readings",
    "millrace assets show s3://bucket/files",
  ])
    .argument("<asset>", "its name, URI or id")
    .action(async (asset, options) => (await import("../actions/asset-actions.ts")).showAsset(context, asset, options));
}

function eventCommand(context: CommandContext): Command {
  const examples = [
    'millrace assets event readings --payload \'{"sensor": "s1", "celsius": 90}\'',
    'millrace assets event readings --payload @reading.json --extra \'{"by": "hand"}\'',
  ];
  return clientCommand("event", "makes an event of an asset by hand; it is decided for every DAG, as a message's is", examples)
    .argument("<asset>", "its name, URI or id")
    .option("--payload <json>", "JSON, @FILE or - for standard input; null where it is left out")
    .option("--extra <json>", "an object beside the payload: JSON, @FILE or -")
    .option("--partition-key <key>", "the partition that changed")
    .action(async (asset, options) => (await import("../actions/asset-event-action.ts")).createAssetEvent(context, asset, options));
}
