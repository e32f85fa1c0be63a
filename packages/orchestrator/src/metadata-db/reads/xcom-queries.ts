import type { Kysely } from "kysely";
import type { DagRunRead, TaskInstanceRead } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";
import { RETURN_VALUE, type XcomRead, type XcomReads } from "../../domain/xcom-reads.ts";
import { decodeJson } from "../stored-json.ts";

/** A return value lies with its task instance, other keys in a table of their own. */
export class XcomQueries implements XcomReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async listOfRun({ id }: DagRunRead): Promise<readonly XcomRead[]> {
    const columns = ["task_index as taskIndex", "map_index as mapIndex"] as const;
    const [returned, others] = await Promise.all([
      this.#db.selectFrom("task_instance").select(columns).where("run_id", "=", id).where("value", "is not", null).execute(),
      this.#db
        .selectFrom("xcom")
        .select([...columns, "key"])
        .where("run_id", "=", id)
        .execute(),
    ]);
    const all = [...returned.map((row) => ({ ...row, key: RETURN_VALUE })), ...others];
    return all.sort((a, b) => a.taskIndex - b.taskIndex || a.mapIndex - b.mapIndex || (a.key < b.key ? -1 : 1));
  }

  async value(instance: TaskInstanceRead, key: string): Promise<{ readonly value: unknown } | null> {
    const bytes = await (key === RETURN_VALUE ? this.#returned(instance) : this.#other(instance, key));
    return bytes === null ? null : { value: decodeJson(bytes) };
  }

  async #returned({ run, taskIndex, mapIndex }: TaskInstanceRead): Promise<Uint8Array | null> {
    const row = await this.#db
      .selectFrom("task_instance")
      .select("value")
      .where("run_id", "=", run.id)
      .where("task_index", "=", taskIndex)
      .where("map_index", "=", mapIndex)
      .executeTakeFirst();
    return row?.value ?? null;
  }

  async #other({ run, taskIndex, mapIndex }: TaskInstanceRead, key: string): Promise<Uint8Array | null> {
    const row = await this.#db
      .selectFrom("xcom")
      .select("value")
      .where("run_id", "=", run.id)
      .where("task_index", "=", taskIndex)
      .where("map_index", "=", mapIndex)
      .where("key", "=", key)
      .executeTakeFirst();
    return row?.value ?? null;
  }
}
