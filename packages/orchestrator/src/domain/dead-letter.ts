import type { IngestEntry } from "./ingest-unit.ts";

/** A dead letter that was prepared anew, by its asset's definition as it is now. */
export interface DeadLetterReplay {
  readonly id: number;
  readonly triggerId: number | null;
  /** Of its asset alone: the events, or why it still makes none. */
  readonly entry: IngestEntry;
}

export interface DeadLetterReceipt {
  /** Someone else has replayed or discarded it meanwhile: nothing was stored. */
  readonly isGone: boolean;
  readonly runs: number;
}

/**
 * `replayed`: it became asset events and is gone. `dropped`: it is gone without one, as its watcher now has it (`where`, or no
 * event by its envelope). `kept`: it still does not fit. `gone`: someone else was quicker.
 */
export type DeadLetterOutcome = "replayed" | "dropped" | "kept" | "gone";

export interface ReplayedDeadLetter {
  readonly id: number;
  readonly outcome: DeadLetterOutcome;
  readonly events: number;
  readonly runs: number;
  /** Of what made no event. */
  readonly reason: string | null;
}
