import type { ProviderLog, Settlement, TriggerMessage } from "@millrace/sdk/provider";
import type { Consumer } from "@platformatic/kafka";

/** Awaiting a commit per batch costs 3 ms each; the stored position is the truth, so the group may lag this much. */
const COMMIT_INTERVAL_MS = 100;
/** Settled entries at the head of a partition's list are dropped this many at a time. */
const COMPACT_AT = 4_096;
const UNKNOWN_EPOCH = -1;

/** Messages of one partition in the order they were yielded; all before `head` are settled. */
interface PartitionProgress {
  readonly topic: string;
  readonly partition: number;
  yielded: TriggerMessage[];
  head: number;
  readonly early: Set<TriggerMessage>;
  /** The next offset to read, were the group all there is. */
  next: bigint;
  committed: bigint;
}

/** Commits to the group up to the first message that is not settled: advisory, coalesced, one request at a time. */
export class OffsetCommitter {
  readonly #consumer: Consumer;
  readonly #log: ProviderLog;
  readonly #partitions = new Map<string, PartitionProgress>();
  readonly #givenUp = new Set<TriggerMessage>();
  #unsettled = 0;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(consumer: Consumer, log: ProviderLog) {
    this.#consumer = consumer;
    this.#log = log;
  }

  /** How many were yielded and have no outcome yet. */
  get unsettled(): number {
    return this.#unsettled;
  }

  yielded(message: TriggerMessage, topic: string, partition: number): void {
    const key = keyOf(message);
    let progress = this.#partitions.get(key);
    if (progress === undefined) {
      progress = { topic, partition, yielded: [], head: 0, early: new Set(), next: -1n, committed: -1n };
      this.#partitions.set(key, progress);
    }
    progress.yielded.push(message);
    this.#unsettled += 1;
  }

  /** A log cannot send one message again: after a `retry` nothing is committed from there on, and a new stream reads it again. */
  settle(settlements: readonly Settlement[]): void {
    for (const { message, outcome } of settlements) {
      const progress = this.#partitions.get(keyOf(message));
      if (progress === undefined || progress.early.has(message) || this.#givenUp.has(message)) continue;
      this.#unsettled -= 1;
      if (outcome === "retry") this.#givenUp.add(message);
      else if (progress.yielded[progress.head] === message) this.#advance(progress);
      else progress.early.add(message);
    }
    this.#timer ??= setTimeout(() => void this.flush(), COMMIT_INTERVAL_MS).unref();
  }

  /** Commits what is settled and waits for it. Never rejects: what is not committed is committed later or not at all. */
  flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#running = this.#running.then(() => this.#commit());
    return this.#running;
  }

  #advance(progress: PartitionProgress): void {
    let { head } = progress;
    do {
      progress.early.delete(progress.yielded[head]!);
      head += 1;
    } while (head < progress.yielded.length && progress.early.has(progress.yielded[head]!));
    progress.next = offsetOf(progress.yielded[head - 1]!) + 1n;
    progress.head = head;
    if (head === progress.yielded.length || head >= COMPACT_AT) {
      progress.yielded = progress.yielded.slice(head);
      progress.head = 0;
    }
  }

  /** A commit for a partition that is no longer ours would be accepted and move its new owner back. */
  async #commit(): Promise<void> {
    const owned = new Set(this.#consumer.assignments?.flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}:${p}`)));
    const due = [...this.#partitions.values()].filter((p) => p.next > p.committed && owned.has(`${p.topic}:${p.partition}`));
    if (due.length === 0 || !this.#consumer.isActive()) return;
    const offsets = due.map(({ topic, partition, next }) => ({ topic, partition, offset: next, leaderEpoch: UNKNOWN_EPOCH }));
    try {
      await this.#consumer.commit({ offsets });
      due.forEach((progress, index) => (progress.committed = offsets[index]!.offset));
    } catch (error) {
      this.#log.debug("the group's offsets were not committed; the stored positions are not affected", { error });
    }
  }
}

function keyOf(message: TriggerMessage): string {
  const { identity } = message;
  return identity !== null && "partition" in identity ? `${identity.source}:${identity.partition}` : "";
}

function offsetOf(message: TriggerMessage): bigint {
  return message.identity !== null && "offset" in message.identity ? message.identity.offset : -1n;
}
