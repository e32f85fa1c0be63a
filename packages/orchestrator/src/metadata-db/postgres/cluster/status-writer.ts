import type { Clock } from "../../../domain/clock.ts";
import type { Log } from "../../../domain/log.ts";
import { execute, type Script, type SqlRunner } from "../../sql-script.ts";

export interface StatusWriterOptions {
  readonly runner: SqlRunner;
  readonly processId: number;
  /** As JSON. It may take its time: a broker is asked. */
  readonly status: () => Promise<object>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Keeps the row in which a process tells of itself, beside its heartbeat and never in its way. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #last = "";
  #writing: Promise<void> | null = null;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** Where something has changed, and the last one is done. */
  write(): void {
    this.#writing ??= this.#write().finally(() => (this.#writing = null));
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { runner, processId, status, clock, log } = this.#options;
    try {
      const text = JSON.stringify(await status());
      if (text === this.#last) return;
      await runner.run(() => writeStatus(processId, text, clock.now()));
      this.#last = text;
    } catch (error) {
      log.debug("what this process tells of itself could not be written", { error });
    }
  }
}

/** Not of one that was declared dead. */
function* writeStatus(processId: number, status: string, now: number): Script<void> {
  yield* execute(
    `INSERT INTO process_status (process_id, status, at) SELECT id, ?, ? FROM process WHERE id = ? AND state = 'live'
     ON CONFLICT (process_id) DO UPDATE SET status = excluded.status, at = excluded.at`,
    status,
    now,
    processId,
  );
}

/** What the dead have left. */
export function* forgetStatuses(): Script<void> {
  yield* execute("DELETE FROM process_status WHERE process_id NOT IN (SELECT id FROM process WHERE state = 'live')");
}
