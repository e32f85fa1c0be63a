/** One open trigger, as people see it. */
export interface TriggerHealth {
  readonly triggerId: number;
  readonly state: "connecting" | "streaming" | "reconnecting" | "paused" | "failing" | "stopped";
  /** `paused`: for so long, UTC ms; null where it is not. */
  readonly pausedAt: number | null;
  /** Why it does not run; null again once it does. Lost messages (POSITION_GAP) are shown on. */
  readonly lastError: string | null;
  readonly lastMessageAt: number | null;
  readonly reconnects: number;
  readonly messages: number;
  /** Of them, those that their source gave no identity: taken at least once. */
  readonly withoutIdentity: number;
}

/** A worker, as the scheduler that gives it work sees it. */
export interface WorkerHealth {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly state: "starting" | "connected" | "blocked" | "draining" | "disconnected" | "refused";
  /** It has been in this state, UTC ms. */
  readonly since: number;
  /** Tries that it runs side by side. */
  readonly slots: number;
  /** Of this scheduler. */
  readonly running: number;
  readonly lastHeartbeatAt: number | null;
  /** Why it gets no work, or not all of it; null where it does. */
  readonly reason: string | null;
}
