import type { PurgeReceipt, PurgeStep } from "../../domain/retention.ts";
import { all, type Script } from "../sql-script.ts";
import { deleteKeys, type PurgePace, STEP_ROWS, type TablePurge } from "./table-purge.ts";

const SELECT = "SELECT hash, at FROM message_seen WHERE hash > ? ORDER BY hash LIMIT ?";

/** Identities of messages, in order of their hash: an index by time would cost every ingest. */
export class SeenPurge implements TablePurge {
  readonly #pace: PurgePace;

  constructor(pace: PurgePace) {
    this.#pace = pace;
  }

  *step({ after, before, isDryRun }: PurgeStep): Script<PurgeReceipt> {
    const start = after instanceof Uint8Array ? after : new Uint8Array();
    const rows = yield* all<{ hash: Uint8Array; at: number }>(SELECT, start, STEP_ROWS);
    const old = rows.filter(({ at }) => at < before).map(({ hash }) => hash);
    if (!isDryRun) yield* this.#delete(old);
    return { purged: old.length, next: rows.length < STEP_ROWS ? null : rows.at(-1)!.hash };
  }

  *#delete(hashes: readonly Uint8Array[]): Script<void> {
    const { chunkRows } = this.#pace;
    for (let n = 0; n < hashes.length; n += chunkRows)
      yield* deleteKeys(["message_seen", "hash"], hashes.slice(n, n + chunkRows), this.#pace);
  }
}
