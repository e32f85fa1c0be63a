import type { AssetEvent } from "./asset-event.ts";
import type { Cel } from "./cel.ts";
import { attachDefinition, callSite, findDefinition, type AssetDefinition } from "./definition.ts";
import { notYetSupported } from "./definition-error.ts";
import type { Duration } from "./duration.ts";
import type { EventSource } from "./event-source.ts";
import { checkAssetName, checkOption, checkOptions, isRecord } from "./option-check.ts";
import type { Schema } from "./schema.ts";
import { defineWatcher, type Watcher } from "./watcher.ts";

/** A named thing whose change schedules DAGs. */
export interface Asset<Name extends string = string, Payload = unknown, RawPayload = unknown> extends EventSource<
  AssetEvent<Name, Payload>,
  RawPayload
> {
  readonly kind: "asset";
  readonly name: Name;
}

export interface AssetOptions<Payload, RawPayload = Payload, D extends string = string> {
  /** Checks a message before it becomes an event; without it, any payload will do. */
  schema?: Schema<Payload, RawPayload>;
  uri?: string;
  group?: string;
  description?: string;
  /** Anything worth keeping with the asset, as plain JSON. */
  extra?: Readonly<Record<string, unknown>>;
  /** What listens from outside on this asset's behalf, by name: a trigger, several, or more options. */
  watchers?: Readonly<Record<string, Watcher>>;
  dedupeKey?: Cel<D, RawPayload>;
  dedupeWithin?: Duration;
  expectedEvery?: Duration;
}

const OPTIONS = ["schema", "uri", "group", "description", "extra", "watchers"] as const satisfies readonly (keyof AssetOptions<unknown>)[];
const NOT_YET = ["dedupeKey", "dedupeWithin", "expectedEvery"] as const satisfies readonly (keyof AssetOptions<unknown>)[];

/**
 * An asset. Files that name the same asset mean the same one: give its options in one file and import it from there.
 * @throws {DefinitionError} BAD_NAME, BAD_OPTION, NOT_YET_SUPPORTED
 */
export function defineAsset<const Name extends string, Payload = unknown, RawPayload = Payload, const D extends string = string>(
  name: Name,
  options: AssetOptions<Payload, RawPayload, D> = {},
): Asset<Name, Payload, RawPayload> {
  const what = `defineAsset '${checkAssetName(name)}'`;
  checkOptions(what, options, OPTIONS, NOT_YET);
  for (const text of ["uri", "group", "description"] as const) checkText(`${what}: option '${text}'`, options[text]);
  const { schema, uri, group, description, extra = {}, watchers = {} } = options;
  checkSchema(what, schema);
  checkOption(`${what}: option 'extra'`, isRecord(extra), "an object", extra);
  return attachDefinition<Asset<Name, Payload, RawPayload>>(
    { kind: "asset", name },
    {
      kind: "asset",
      name,
      uri: uri ?? null,
      group: group ?? null,
      description: description ?? null,
      extra,
      schema: schema ?? null,
      watchers: checkedWatchers(what, watchers),
      site: callSite(),
    },
  );
}

function checkText(what: string, value: unknown): void {
  checkOption(what, value === undefined || (typeof value === "string" && value !== ""), "a string", value);
}

/** @throws {DefinitionError} BAD_OPTION for what is no Standard Schema. */
export function checkSchema(what: string, schema: unknown): void {
  const standard = (schema as Schema | undefined)?.["~standard"];
  const isGood = schema === undefined || typeof standard?.validate === "function";
  checkOption(`${what}: schema`, isGood, "a Standard Schema, such as z.object({ … })", schema);
}

function checkedWatchers(what: string, watchers: unknown): AssetDefinition["watchers"] {
  checkOption(`${what}: option 'watchers'`, isRecord(watchers), "an object of triggers by name", watchers);
  return Object.entries(watchers as Record<string, unknown>).map(([name, watcher]) => defineWatcher(what, name, watcher));
}

/** @throws {DefinitionError} BAD_OPTION for what is no asset. */
export function assetDefinition(what: string, asset: unknown): AssetDefinition {
  const definition = findDefinition(asset);
  if (definition?.kind === "asset") return definition;
  checkOption(what, false, 'an asset, made with defineAsset("name")', asset);
  throw new Error("unreachable");
}

/** Every asset whose name fits. */
export interface AssetSelection<Payload, RawPayload = Payload> extends EventSource<AssetEvent<string, Payload>, RawPayload> {
  readonly kind: "assetsMatching";
  readonly glob: string;
}

/** @throws {DefinitionError} NOT_YET_SUPPORTED */
export function assetsMatching<Payload = unknown, RawPayload = Payload>(
  _glob: string,
  _options: { schema?: Schema<Payload, RawPayload> } = {},
): AssetSelection<Payload, RawPayload> {
  return notYetSupported("assetsMatching");
}
