import { ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { OpenTriggerContext, TriggerError, TriggerMessage } from "@millrace/sdk/provider";
import { isPermanent, toTriggerError } from "./error.ts";
import { toTriggerMessage } from "./message.ts";

/** SQS's own limit for one request. */
const RECEIVE_SIZE = 10;
/** A receive takes some 10 ms and brings ten messages: this many at once bring over 10,000 a second. */
const MAX_POLLERS = 16;
/** Pulled but not yet taken: above it no poll starts, so that visibility timeouts do not run out here. */
const MAX_BUFFERED = 1_000;
const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 30_000;

export interface PollSettings {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** The identity's source. */
  readonly source: string;
  readonly waitTimeSeconds: number;
  /** null leaves the queue's own. */
  readonly visibilityTimeout: number | null;
}

/** A message and what deletes it. */
export interface Received {
  readonly message: TriggerMessage;
  readonly handle: string;
}

export async function receive(settings: PollSettings, waitTimeSeconds: number): Promise<Received[]> {
  const { client, queueUrl, source, visibilityTimeout } = settings;
  const { Messages: messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: RECEIVE_SIZE,
      WaitTimeSeconds: waitTimeSeconds,
      MessageSystemAttributeNames: ["All"],
      MessageAttributeNames: ["All"],
      ...(visibilityTimeout === null ? {} : { VisibilityTimeout: visibilityTimeout }),
    }),
  );
  return messages.map((message) => ({ message: toTriggerMessage(message, source), handle: message.ReceiptHandle ?? "" }));
}

/**
 * Keeps one long poll open, and more while they come back full. A poll is never aborted: SQS would hand the next
 * message to the dead one, and it would wait out its visibility timeout. Transient errors are tried again with
 * a backoff, by one poll alone.
 */
export class QueuePoller {
  readonly #settings: PollSettings;
  readonly #context: OpenTriggerContext;
  readonly #buffer: Received[];
  readonly #waiters: (() => void)[] = [];
  #polls = 0;
  #isPaused = false;
  #isStopped = false;
  #failures = 0;
  #error: TriggerError | null = null;
  #endBackoff: (() => void) | null = null;

  constructor(settings: PollSettings, context: OpenTriggerContext, first: Received[]) {
    this.#settings = settings;
    this.#context = context;
    this.#buffer = first;
  }

  /**
   * All that is there, at most `limit`, waiting for the first; null once the poller is stopped and empty.
   * @throws {TriggerError} where the queue cannot be read until somebody changes something.
   */
  async take(limit: number): Promise<readonly Received[] | null> {
    for (;;) {
      this.#startPoll();
      if (this.#buffer.length > 0) return this.#buffer.splice(0, limit);
      if (this.#error !== null) throw this.#error;
      if (this.#isStopped && this.#polls === 0) return null;
      await this.#change();
    }
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#startPoll();
  }

  /** Starts no more polls; those under way go on to their end. */
  stop(): void {
    this.#isStopped = true;
    this.#endBackoff?.();
    this.#notify();
  }

  /** Resolves when no poll is under way. */
  async idle(): Promise<void> {
    while (this.#polls > 0) await this.#change();
  }

  /** What was pulled and nobody took. */
  drain(): Received[] {
    return this.#buffer.splice(0);
  }

  #mayPull(): boolean {
    return !this.#isStopped && !this.#isPaused && this.#error === null && this.#buffer.length < MAX_BUFFERED;
  }

  /** The one poll that is always open while there is room. */
  #startPoll(): void {
    if (this.#polls === 0 && this.#mayPull()) void this.#poll();
  }

  async #poll(): Promise<void> {
    this.#polls += 1;
    while (this.#mayPull()) {
      const received = await this.#receive();
      this.#buffer.push(...received);
      this.#notify();
      if (received.length === RECEIVE_SIZE && this.#polls < MAX_POLLERS && this.#mayPull()) void this.#poll();
      if (received.length === 0 && this.#polls > 1) break;
    }
    this.#polls -= 1;
    this.#notify();
  }

  async #receive(): Promise<Received[]> {
    try {
      const received = await receive(this.#settings, this.#settings.waitTimeSeconds);
      if (this.#failures > 0) this.#context.onState("streaming");
      this.#failures = 0;
      return received;
    } catch (error) {
      await this.#afterError(toTriggerError(error, this.#settings.queueUrl, "sqs:ReceiveMessage"));
      return [];
    }
  }

  async #afterError(error: TriggerError): Promise<void> {
    if (isPermanent(error)) {
      this.#error = error;
      return;
    }
    if (this.#isStopped) return;
    this.#context.onState("reconnecting", error);
    if (this.#polls > 1) return;
    const ceiling = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.#failures);
    this.#failures += 1;
    await this.#backOff(Math.random() * ceiling);
  }

  async #backOff(ms: number): Promise<void> {
    if (this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endBackoff = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endBackoff = null;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #notify(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}
