import type { Kysely } from "kysely";
import type { TaskLogChunk, TaskLogReads, TaskLogRequest } from "../../domain/reads.ts";
import type { Database } from "../../domain/tables.ts";

export class TaskLogQueries implements TaskLogReads {
  readonly #db: Kysely<Database>;

  constructor(db: Kysely<Database>) {
    this.#db = db;
  }

  async chunks(request: TaskLogRequest): Promise<readonly TaskLogChunk[]> {
    const rows = await this.#db
      .selectFrom("task_log")
      .select(["seq", "chunk"])
      .where("run_id", "=", request.runId)
      .where("task_index", "=", request.taskIndex)
      .where("map_index", "=", request.mapIndex)
      .where("try", "=", request.tryNumber)
      .where("seq", ">", request.afterSeq)
      .orderBy("seq")
      .limit(request.limit)
      .execute();
    return rows.map(({ seq, chunk }) => ({ seq, bytes: chunk }));
  }
}
