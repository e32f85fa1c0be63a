import type { Page, PageRequest, TimeRange } from "./reads.ts";

/** A change that a person made. */
export interface AuditRead {
  readonly id: number;
  readonly at: number;
  readonly userName: string | null;
  /** Like `connection.save`. */
  readonly action: string;
  /** What was changed: the id of a connection, a DAG, … */
  readonly subject: string;
  readonly detail: unknown;
}

export interface AuditFilter {
  readonly userName?: string | undefined;
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  readonly at?: TimeRange | undefined;
}

export interface AuditReads {
  list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditRead>>;
  find(id: number): Promise<AuditRead | null>;
}
