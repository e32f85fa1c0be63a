import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { DestinationKind, Provider, QueueScheme, TriggerKind } from "@millrace/sdk/provider";
import type { Log } from "../../domain/log.ts";
import type { ProviderCatalog } from "../../domain/provider-catalog.ts";
import { checkConnTypes } from "./check-conn-type.ts";

interface PackageJson {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly millrace?: { readonly provider?: string };
}

const OWN_PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));

/**
 * Every dependency with `"millrace": { "provider": … }` in its package.json, of the projects that the DAG files
 * belong to and of the server itself; a project's own copy of a provider comes first.
 */
export async function discoverProviders(folders: readonly string[], log: Log): Promise<ProviderCatalog> {
  const projects = [...new Set([...folders.flatMap((folder) => findProject(folder) ?? []), OWN_PACKAGE])];
  const providers = new Map<string, Provider>();
  for (const project of projects) {
    for (const [name, entry] of findProviderEntries(project)) {
      if (!providers.has(name)) providers.set(name, await load(name, entry, log));
    }
  }
  return new DiscoveredProviders([...providers.values()]);
}

function findProject(folder: string): string | undefined {
  for (let current = folder; ; current = dirname(current)) {
    if (existsSync(join(current, "package.json"))) return current;
    if (dirname(current) === current) return undefined;
  }
}

function readPackage(folder: string): PackageJson {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageJson;
  } catch {
    return {};
  }
}

function findProviderEntries(project: string): readonly (readonly [string, string])[] {
  const { dependencies = {}, devDependencies = {} } = readPackage(project);
  return Object.keys({ ...dependencies, ...devDependencies }).flatMap((name) => {
    const folder = findDependency(project, name);
    const door = folder === undefined ? undefined : readPackage(folder).millrace?.provider;
    return door === undefined || folder === undefined ? [] : [[name, resolveDoor(folder, door)] as const];
  });
}

function findDependency(project: string, name: string): string | undefined {
  for (let current = project; ; current = dirname(current)) {
    const folder = join(current, "node_modules", name);
    if (existsSync(join(folder, "package.json"))) return folder;
    if (dirname(current) === current) return undefined;
  }
}

/** The door is a key of the package's `exports`, such as `./provider`. */
function resolveDoor(folder: string, door: string): string {
  const { exports = {} } = readPackage(folder) as { exports?: Readonly<Record<string, string | { readonly default?: string }>> };
  const target = exports[door];
  const file = typeof target === "string" ? target : (target?.default ?? door);
  return join(folder, file);
}

async function load(name: string, entry: string, log: Log): Promise<Provider> {
  try {
    const module = (await import(pathToFileURL(entry).href)) as { readonly provider?: Provider };
    if (module.provider !== undefined) return checkConnTypes(module.provider);
    log.error(`provider package '${name}' does not export \`provider\` from its provider door: it is left out`);
  } catch (error) {
    log.error(`provider package '${name}' could not be loaded: it is left out`, { error: (error as Error).message });
  }
  return { name, connTypes: [], triggers: {}, destinations: {} };
}

class DiscoveredProviders implements ProviderCatalog {
  readonly #triggers: ReadonlyMap<string, TriggerKind>;
  readonly #destinations: ReadonlyMap<string, DestinationKind>;
  readonly #schemesByConnType: ReadonlyMap<string, QueueScheme>;
  readonly #providers: readonly Provider[];
  readonly queueSchemes: readonly QueueScheme[];

  constructor(providers: readonly Provider[]) {
    this.#providers = providers;
    this.#triggers = new Map(providers.flatMap(({ triggers }) => Object.entries(triggers)));
    this.#destinations = new Map(providers.flatMap(({ destinations }) => Object.entries(destinations)));
    this.#schemesByConnType = new Map(
      providers.flatMap(({ connTypes, queues }) => (queues ? connTypes.map((type) => [type, queues]) : [])),
    );
    this.queueSchemes = providers.flatMap(({ queues }) => queues ?? []);
  }

  findTrigger(kind: string): TriggerKind | undefined {
    return this.#triggers.get(kind);
  }
  findDestination(kind: string): DestinationKind | undefined {
    return this.#destinations.get(kind);
  }
  findProvider(connType: string): Provider | undefined {
    return this.#providers.find(({ connTypes }) => connTypes.includes(connType));
  }
  findQueueScheme(connType: string): QueueScheme | undefined {
    return this.#schemesByConnType.get(connType);
  }
}
