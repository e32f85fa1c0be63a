/** One system under test, ready to take records from a topic: an adapter per system. */
export interface SystemUnderTest {
  readonly name: string;
  /** The processes whose trees are measured. */
  readonly pids: readonly number[];
  /** Where its tasks write their starts (recorder.ts). */
  readonly starts: string;
  /** Bytes of its database on disk; 0 where it stores nothing. */
  databaseBytes(): number | Promise<number>;
  /** Everything that was begun is done and stored. @throws {Error} where something failed. */
  settle(runs: number): Promise<void>;
  /** A quicker way in than its Kafka watcher, for bursts. */
  burst?(count: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly kafkaUrl: string;
  readonly topic: string;
  /** Tasks of the one DAG, one after the other. */
  readonly tasks: 1 | 3;
  readonly folder: string;
}

/** What can be measured, and how much of it the system bears. */
export interface System {
  readonly name: string;
  /** Why it cannot be measured here, and what to do; null where it can. */
  whyNot(): string | null;
  start(options: SystemOptions): Promise<SystemUnderTest>;
  /** Records that are not counted, before anything is measured: code is cold at first. */
  readonly warmUp: number;
  /** Records a second above which it is not asked to go. */
  readonly maxRate: number;
  /** Records of a burst. */
  readonly maxBurst: number;
}
