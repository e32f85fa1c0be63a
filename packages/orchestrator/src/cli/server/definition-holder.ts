import type { LoadPass } from "../../domain/dag-folder.ts";
import { buildDefinitions, type DagVersion, type DefinitionRows, type Definitions, NO_DEFINITIONS } from "../../domain/definitions.ts";
import type { TriggerSubscription } from "../../domain/ingest-sink.ts";
import type { DefinitionStore } from "../../metadata-db/stores/definition-store.ts";

/** Where bundles go to and come from, beside the folder of this process. */
interface Bundles {
  put(hashes: readonly string[], now: number): Promise<void>;
  fetch(hashes: readonly string[]): Promise<void>;
}

/** What is in force in this process: rebuilt as a whole after each load pass, never changed in place. */
export class DefinitionHolder {
  readonly #store: DefinitionStore;
  readonly #onChange: (definitions: Definitions) => void;
  readonly #bundles: Bundles | null;
  readonly #versions = new Map<number, DagVersion>();
  #current: Definitions = NO_DEFINITIONS;
  #last: Promise<void> = Promise.resolve();

  constructor(store: DefinitionStore, onChange: (definitions: Definitions) => void, bundles: Bundles | null = null) {
    this.#store = store;
    this.#onChange = onChange;
    this.#bundles = bundles;
  }

  get current(): Definitions {
    return this.#current;
  }

  /** In force here when it resolves. */
  async apply(pass: LoadPass, now: number): Promise<void> {
    return this.#inOrder(async () => {
      const hashes = pass.files.map(({ bundleHash }) => bundleHash);
      await this.#bundles?.put(hashes, now);
      await this.#store.apply(pass, now);
      await this.#read();
    });
  }

  async setPaused(dag: number, isPaused: boolean): Promise<void> {
    return this.#inOrder(async () => {
      await this.#store.setPaused(dag, isPaused);
      await this.#read();
    });
  }

  /** Reads again what another process may have changed. */
  async refresh(): Promise<void> {
    return this.#inOrder(async () => {
      if ((await this.#store.readCount()) !== this.#current.version) await this.#read();
    });
  }

  /** A version in memory: all that were in force since the start, and those that were asked for. */
  knownVersion(id: number): DagVersion | undefined {
    return this.#versions.get(id);
  }

  /** Also versions that are no longer in force: runs stay on theirs. @throws {Error} for an id that was never stored */
  async findVersion(id: number): Promise<DagVersion> {
    const known = this.#versions.get(id);
    if (known !== undefined) return known;
    const version = await this.#store.readVersion(id);
    await this.#bundles?.fetch([version.bundleHash]);
    this.#versions.set(id, version);
    return version;
  }

  async #read(): Promise<void> {
    this.#current = buildDefinitions(await this.#readRows());
    for (const { version } of this.#current.dags.values()) this.#versions.set(version.id, version);
    this.#onChange(this.#current);
  }

  /** Of one moment, and with their bundles. */
  async #readRows(): Promise<DefinitionRows> {
    for (;;) {
      const rows = await this.#store.read();
      if ((await this.#store.readCount()) !== rows.version) continue;
      const hashes = [...rows.dags.map(({ version }) => version.bundleHash), ...rows.triggerKinds.map(({ bundleHash }) => bundleHash)];
      await this.#bundles?.fetch(hashes);
      return rows;
    }
  }

  /** One after another: what was read last is what is in force. */
  async #inOrder(act: () => Promise<void>): Promise<void> {
    const next = this.#last.then(act);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

/** The distinct triggers that watchers want open. */
export function subscriptionsOf(definitions: Definitions): readonly TriggerSubscription[] {
  return [...definitions.triggers.values()].map(({ id, snapshot, defaultGroup }) => {
    const version = definitions.triggerKinds.get(snapshot.kind)?.bundleHash ?? null;
    return { triggerId: id, ...snapshot, defaultGroup, version };
  });
}
