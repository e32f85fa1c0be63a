/** One open trigger, as people see it. */
export interface TriggerHealth {
  readonly triggerId: number;
  readonly state: "connecting" | "streaming" | "reconnecting" | "paused" | "failing" | "stopped";
  readonly lastError: string | null;
  readonly lastMessageAt: number | null;
  readonly reconnects: number;
  readonly messages: number;
}
