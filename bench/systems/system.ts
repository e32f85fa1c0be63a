/** One system under test, ready to take records from a topic: an adapter per system. */
export interface SystemUnderTest {
  readonly name: string;
  /** The process whose tree is measured. */
  readonly pid: number;
  /** Where its tasks write their starts (recorder.ts). */
  readonly starts: string;
  /** Bytes of its database on disk; 0 where it stores nothing. */
  databaseBytes(): number;
  /** Everything that was begun is done and stored. @throws {Error} where something failed. */
  settle(runs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly kafkaUrl: string;
  readonly topic: string;
  /** Tasks of the one DAG, one after the other. */
  readonly tasks: 1 | 3;
  readonly folder: string;
}
