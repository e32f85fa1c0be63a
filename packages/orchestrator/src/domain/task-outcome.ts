import type { OutboxWrite, OutletEventWrite, TaskLogWrite } from "./committer.ts";

export interface TaskError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export interface TaskOutcome {
  readonly outcome: "success" | "failed" | "skipped";
  readonly startedAt: number | null;
  readonly endedAt: number;
  readonly value: Uint8Array | null;
  readonly error: TaskError | null;
  /** Another try would end the same way. */
  readonly isPermanent: boolean;
  readonly logs: readonly TaskLogWrite[];
  readonly outletEvents: readonly OutletEventWrite[];
  readonly outbox: readonly OutboxWrite[];
}
