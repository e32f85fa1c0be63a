import { canonicalJson } from "../../domain/canonical-json.ts";
import type { ProviderCatalog } from "../../domain/provider-catalog.ts";
import type { SqlRunner } from "../../metadata-db/sql-script.ts";
import { DefinitionStore } from "../../metadata-db/stores/definition-store.ts";

/** Triggers are equal where their provider says so; those of DAG files' own where their params are. */
export async function openDefinitionStore(runner: SqlRunner, catalog: Pick<ProviderCatalog, "findTrigger">): Promise<DefinitionStore> {
  return DefinitionStore.open(runner, ({ kind, params }) => catalog.findTrigger(kind)?.canonical(params) ?? canonicalJson(params));
}
