import type { CommitOutput } from "../committer.ts";
import type { CommitLookups } from "./commit-lookups.ts";
import type { CommitRows } from "./commit-rows.ts";

/** What the plan of one commit reads, and what it fills. */
export interface PlanContext {
  readonly now: number;
  readonly rows: CommitRows;
  readonly lookups: CommitLookups;
  readonly output: CommitOutput;
  /** Ids for what the commit makes, in order. */
  takeId(): number;
  /** This process. */
  readonly processId: number;
  /** The process that a new run is given to. */
  ownerOfNewRun(): number;
}
