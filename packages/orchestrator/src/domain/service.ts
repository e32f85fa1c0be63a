/** A part that runs: `stop` before `start` and a second `stop` are harmless. */
export interface Service {
  start(): Promise<void>;
  /** Finishes what is under way, within the deadline. */
  stop(options?: { readonly deadlineMs?: number }): Promise<void>;
}
