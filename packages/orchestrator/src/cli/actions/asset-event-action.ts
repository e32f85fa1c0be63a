import type { AssetEventBody, DecisionBody } from "../api-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { describeDecision } from "../output/describe-event.ts";
import { print } from "../output/print.ts";
import { readJsonArgument, readObjectArgument } from "../read-json-argument.ts";
import { assetRef } from "./find-asset.ts";
import { openClient } from "./open-client.ts";

interface EventOptions extends ClientOptions {
  readonly payload?: string;
  readonly extra?: string;
  readonly partitionKey?: string;
}

/** Prints what the event did for each DAG, as `events explain` does. */
export async function createAssetEvent(context: CommandContext, asset: string, options: EventOptions): Promise<void> {
  const payload = await readJsonArgument("--payload", options.payload);
  const extra = options.extra === undefined ? null : await readObjectArgument("--extra", options.extra);
  const client = openClient(context, options);
  const event = await client.post<AssetEventBody>("/assets/events", {
    ...assetRef(asset),
    ...(payload === undefined ? {} : { payload }),
    extra,
    partition_key: options.partitionKey ?? null,
  });
  const { decisions } = await client.get<{ decisions: DecisionBody[] }>(`/assets/events/${event.id}/decisions`);
  print(options.output, { event, decisions }, () => describe(event, decisions));
}

function describe({ id, name }: AssetEventBody, decisions: readonly DecisionBody[]): string {
  const outcome =
    decisions.length === 0 ? [`no DAG is scheduled on asset '${name ?? "?"}': it started nothing`] : decisions.map(describeDecision);
  return [`event ${id} of asset '${name ?? "?"}'`, ...outcome].join("\n");
}
