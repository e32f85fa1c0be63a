/** Who did it, and when (UTC ms). */
export interface Actor {
  readonly userName: string;
  readonly at: number;
}

/** Written with every change that a person makes. `detail` holds no secret. */
export interface AuditLog {
  record(by: Actor, action: string, subject: string, detail?: object): Promise<void>;
}
