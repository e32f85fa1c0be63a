import { nearestName } from "@millrace/sdk/provider";
import type { AssetSnapshot, DestinationSnapshot, JsonSchema, TriggerSnapshot, WatcherSnapshot } from "../domain/dag-snapshot.ts";
import { canonicalJson } from "../domain/canonical-json.ts";
import { compileSchema } from "../domain/json-schema.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { problem, type Problem } from "./import-error.ts";
import { remembered } from "./remembered.ts";

/** `own`: the kinds of the triggers that the file itself defines; they have checked their params. */
export function checkTriggers(
  catalog: ProviderCatalog,
  own: readonly string[],
  asset: string,
  { name, triggers }: WatcherSnapshot,
): Problem | null {
  const what = `asset '${asset}': watcher '${name}'`;
  return (
    triggers
      .filter(({ kind }) => !own.includes(kind))
      .map((trigger) => checkTrigger(catalog, what, trigger))
      .find((found) => found !== null) ?? null
  );
}

function checkTrigger(catalog: ProviderCatalog, what: string, trigger: TriggerSnapshot): Problem | null {
  const kind = catalog.findTrigger(trigger.kind);
  if (kind === undefined) {
    const message = `${what}: no installed provider brings the trigger kind '${trigger.kind}'`;
    return problem("TRIGGER_KIND_UNKNOWN", message, undefined, installHint(trigger.kind));
  }
  const wrong = findWrong(trigger.connection, kind.params, trigger.params);
  return wrong === null ? null : problem("BAD_TRIGGER", `${what}: ${wrong}`, undefined, spellingHint(kind.params, trigger.params));
}

export function checkDestination(catalog: ProviderCatalog, destination: DestinationSnapshot): Problem | null {
  const kind = catalog.findDestination(destination.kind);
  if (kind === undefined) {
    const message = `no installed provider brings the destination kind '${destination.kind}'`;
    return problem("DESTINATION_KIND_UNKNOWN", message, undefined, installHint(destination.kind));
  }
  const wrong = findWrong(destination.connection, kind.params, destination.params);
  if (wrong === null) return null;
  const hint = spellingHint(kind.params, destination.params);
  return problem("BAD_DESTINATION", `a destination of kind '${destination.kind}': ${wrong}`, undefined, hint);
}

function installHint(kind: string): string {
  return `run \`npm install @millrace/${kind}\` in the project of the DAG file`;
}

/** For a param that its provider does not know. */
function spellingHint({ properties = {} }: JsonSchema, params: object): string | undefined {
  const known = Object.keys(properties as object);
  const unknown = Object.keys(params).find((name) => !known.includes(name));
  if (unknown === undefined) return undefined;
  const near = nearestName(unknown, known);
  return near === undefined ? `the params are ${known.join(", ")}` : `did you mean '${near}' instead of '${unknown}'?`;
}

const checkOf = remembered(compileSchema);

function findWrong(connection: unknown, schema: JsonSchema, params: object): string | null {
  if (typeof connection !== "string" || connection === "") {
    return `expected the id of a connection, got ${JSON.stringify(connection) ?? "nothing"}`;
  }
  const wrong = checkOf(schema)(params);
  return wrong === null ? null : `${wrong} (its params are ${JSON.stringify(params)})`;
}

interface Reader {
  readonly identity: string;
  readonly asset: string;
  readonly file: string;
}

/** Which trigger reads which queue: two different ones on the same queue would steal each other's messages. */
export class QueueRegistry {
  readonly #readers = new Map<string, Reader>();

  add(catalog: ProviderCatalog, { name: asset, watchers }: AssetSnapshot, file: string): void {
    for (const { queue, identity } of queuesOf(catalog, watchers)) this.#readers.set(queue, { identity, asset, file });
  }

  /** With a trigger of another asset, or with another one of the same. */
  findConflict(catalog: ProviderCatalog, { name: asset, watchers }: AssetSnapshot, file: string): Problem | null {
    const own = new Map<string, Reader>();
    for (const { queue, identity, name } of queuesOf(catalog, watchers)) {
      const reader = this.#readers.get(queue) ?? own.get(queue);
      own.set(queue, { identity, asset, file });
      if (reader === undefined || reader.identity === identity) continue;
      const others = `asset '${reader.asset}' ('${reader.file}') and asset '${asset}' ('${file}')`;
      return problem("QUEUE_SHARED", `two different triggers read '${name}', of ${others}: they would steal each other's messages`);
    }
    return null;
  }
}

interface Reading {
  readonly queue: string;
  readonly identity: string;
  readonly name: string;
}

function queuesOf(catalog: ProviderCatalog, watchers: readonly WatcherSnapshot[]): readonly Reading[] {
  return watchers.flatMap(({ triggers }) => triggers.flatMap((trigger) => queuesOfTrigger(catalog, trigger)));
}

function queuesOfTrigger(catalog: ProviderCatalog, { kind, connection, params, source }: TriggerSnapshot): readonly Reading[] {
  const brought = catalog.findTrigger(kind);
  const identity = JSON.stringify([kind, connection, brought?.canonical(params) ?? canonicalJson(params)]);
  const names = source === undefined ? (brought?.queues(params) ?? []) : [source];
  return names.map((name) => ({ queue: JSON.stringify([kind, name]), identity, name }));
}
