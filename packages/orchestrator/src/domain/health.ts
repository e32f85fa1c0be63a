/** One open trigger, as people see it. */
export interface TriggerHealth {
  readonly triggerId: number;
  readonly state: "connecting" | "streaming" | "reconnecting" | "paused" | "failing" | "stopped";
  /** Why it does not run; null again once it does. Lost messages (POSITION_GAP) are shown on. */
  readonly lastError: string | null;
  readonly lastMessageAt: number | null;
  readonly reconnects: number;
  readonly messages: number;
  /** Of them, those that their source gave no identity: taken at least once. */
  readonly withoutIdentity: number;
}
