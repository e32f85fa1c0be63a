import type { Database, Statement } from "better-sqlite3";
import type { DeadLetterReceipt, DeadLetterReplay } from "../../domain/dead-letter.ts";
import type { CommitOutput } from "../committer.ts";
import type { EventWriter } from "./event-writer.ts";
import type { SourceWriter } from "./source-writer.ts";

/** Dead letters that are taken again, or given up. */
export class DeadLetterWriter {
  readonly #events: EventWriter;
  readonly #sources: SourceWriter;
  readonly #delete: Statement;
  readonly #keep: Statement;

  constructor(db: Database, events: EventWriter, sources: SourceWriter) {
    this.#events = events;
    this.#sources = sources;
    this.#delete = db.prepare("DELETE FROM dead_letter WHERE id = ?");
    this.#keep = db.prepare("UPDATE dead_letter SET reason_code = ?, reason = ? WHERE id = ?");
  }

  /** Its events instead of the letter; or the letter with its new reason. */
  replay({ id, triggerId, entry }: DeadLetterReplay, now: number, output: CommitOutput): DeadLetterReceipt {
    const [still] = entry.deadLetters;
    if (still !== undefined) return { isGone: this.#keep.run(still.reasonCode, still.reason, id).changes === 0, runs: 0 };
    if (this.#delete.run(id).changes === 0) return { isGone: true, runs: 0 };
    const before = output.runs.length;
    const sourceId = entry.source === "" ? null : this.#sources.idOf(entry.source);
    for (const event of entry.events)
      this.#events.writeEvent(event, { triggerId, sourceId, entry, runId: null, outlet: null }, now, output);
    return { isGone: false, runs: output.runs.length - before };
  }

  discard(ids: readonly number[]): number {
    return ids.reduce((count, id) => count + this.#delete.run(id).changes, 0);
  }
}
