import type { LoadPass } from "../../domain/dag-folder.ts";
import type { DagVersion, DefinitionRows } from "../../domain/definitions.ts";
import { execute, first, type SqlRunner } from "../sql-script.ts";
import { readDagVersion, readDefinitionRows, readDefinitionsVersion } from "./definition-rows.ts";
import { countDefinitionsUp, writeLoadPass, type WrittenPass } from "./load-pass-writer.ts";
import { type CanonicalTrigger, WatcherWriter } from "./watcher-writer.ts";

/** Writes what a load pass found, and reads what is in force. */
export class DefinitionStore {
  /** This installation's id: names its consumer groups and messages. */
  readonly instance: string;
  readonly #runner: SqlRunner;
  readonly #watchers: WatcherWriter;
  #written: WrittenPass | null = null;

  static async open(runner: SqlRunner, canonical: CanonicalTrigger): Promise<DefinitionStore> {
    const row = await runner.run(() => first<{ value: string }>("SELECT value FROM meta WHERE key = 'instance'"));
    return new DefinitionStore(runner, canonical, row!.value);
  }

  private constructor(runner: SqlRunner, canonical: CanonicalTrigger, instance: string) {
    this.#runner = runner;
    this.#watchers = new WatcherWriter(canonical, instance);
    this.instance = instance;
  }

  /** In one transaction. A file that failed keeps its last good version; one that is gone takes its DAGs out of service. */
  async apply(pass: LoadPass, now: number): Promise<void> {
    this.#written = await this.#runner.transaction(() => writeLoadPass(pass, this.#watchers, now, this.#written));
  }

  async read(): Promise<DefinitionRows> {
    return this.#runner.run(readDefinitionRows);
  }

  /** DefinitionRows.version, as it is now. */
  async readCount(): Promise<number> {
    return this.#runner.run(readDefinitionsVersion);
  }

  async setPaused(dag: number, isPaused: boolean): Promise<void> {
    await this.#runner.transaction(function* () {
      yield* countDefinitionsUp();
      yield* execute("UPDATE dag SET is_paused = ? WHERE id = ?", isPaused ? 1 : 0, dag);
    });
  }

  /** A version that runs may still be on. @throws {Error} for an id that was never stored. */
  async readVersion(id: number): Promise<DagVersion> {
    const version = await this.#runner.run(() => readDagVersion(id));
    if (version === undefined) throw new Error(`dag version ${id} is not stored`);
    return version;
  }
}
