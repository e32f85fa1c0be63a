import { pathToFileURL } from "node:url";
import { type DagDefinition, findDefinition } from "@millrace/sdk/internal";
import { resolveImportsFrom } from "./resolve-hooks.ts";

/** Bundles that this process has imported: modules stay until it ends, so the server replaces it after some dozens. */
export class BundleCache {
  readonly #modules = new Map<string, Promise<ReadonlyMap<string, DagDefinition>>>();

  /** @throws {Error} where the bundle cannot be imported or does not export the DAG. */
  async find(bundle: string, source: string, dagId: string): Promise<DagDefinition> {
    let dags = this.#modules.get(bundle);
    if (dags === undefined) {
      dags = importDags(bundle, source);
      this.#modules.set(bundle, dags);
      // A failed import is tried again by the next dispatch.
      dags.catch(() => this.#modules.delete(bundle));
    }
    const dag = (await dags).get(dagId);
    if (dag === undefined) throw new Error(`the bundle does not export DAG '${dagId}'`);
    return dag;
  }
}

async function importDags(bundle: string, source: string): Promise<ReadonlyMap<string, DagDefinition>> {
  const url = pathToFileURL(bundle).href;
  resolveImportsFrom(url, source);
  const module = (await import(url)) as Record<string, unknown>;
  const definitions = Object.values(module)
    .map(findDefinition)
    .filter((definition) => definition?.kind === "dag");
  return new Map(definitions.map((dag) => [dag.dagId, dag]));
}
