import type { LoadPass } from "../../domain/dag-folder.ts";
import { buildDefinitions, type DagVersion, type Definitions, NO_DEFINITIONS } from "../../domain/definitions.ts";
import type { TriggerSubscription } from "../../domain/ingest-sink.ts";
import type { DefinitionStore } from "../../metadata-db/sqlite/definition-store.ts";

/** What is in force in this process: rebuilt as a whole after each load pass, never changed in place. */
export class DefinitionHolder {
  readonly #store: DefinitionStore;
  readonly #onChange: (definitions: Definitions) => void;
  readonly #versions = new Map<number, DagVersion>();
  #current: Definitions = NO_DEFINITIONS;

  constructor(store: DefinitionStore, onChange: (definitions: Definitions) => void) {
    this.#store = store;
    this.#onChange = onChange;
  }

  get current(): Definitions {
    return this.#current;
  }

  apply(pass: LoadPass, now: number): void {
    this.#store.apply(pass, now);
    this.#read();
  }

  setPaused(dag: number, isPaused: boolean): void {
    this.#store.setPaused(dag, isPaused);
    this.#read();
  }

  #read(): void {
    this.#current = buildDefinitions(this.#store.read());
    for (const { version } of this.#current.dags.values()) this.#versions.set(version.id, version);
    this.#onChange(this.#current);
  }

  /** Also versions that are no longer in force: runs stay on theirs. */
  findVersion(id: number): DagVersion {
    const known = this.#versions.get(id);
    if (known !== undefined) return known;
    const version = this.#store.readVersion(id);
    this.#versions.set(id, version);
    return version;
  }
}

/** The distinct triggers that watchers want open. */
export function subscriptionsOf(definitions: Definitions): readonly TriggerSubscription[] {
  return [...definitions.triggers.values()].map(({ id, snapshot, defaultGroup }) => {
    const version = definitions.triggerKinds.get(snapshot.kind)?.bundleHash ?? null;
    return { triggerId: id, ...snapshot, defaultGroup, version };
  });
}
