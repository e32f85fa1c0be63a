import { ChangeMessageVisibilityBatchCommand } from "@aws-sdk/client-sqs";
import type { ProviderLog, Settlement, TriggerMessage, TriggerStream } from "@millrace/sdk/provider";
import { toTriggerError } from "./error.ts";
import type { PollSettings, QueuePoller } from "./poller.ts";
import { DeleteQueue } from "./settlement.ts";

const BATCH_SIZE = 1_000;
/** SQS's own limit for one request. */
const VISIBILITY_BATCH_SIZE = 10;

/** One open SQS trigger. A message is deleted when it is settled as `ack` or `reject`. */
export class SqsStream implements TriggerStream {
  readonly #settings: PollSettings;
  readonly #poller: QueuePoller;
  readonly #deletes: DeleteQueue;
  readonly #log: ProviderLog;
  /** Yielded and not settled: what deletes each. */
  readonly #handles = new Map<TriggerMessage, string>();
  #settling = 0;
  #isIterated = false;
  #closed: Promise<void> | null = null;
  #onChange: () => void = () => {};

  constructor(settings: PollSettings, poller: QueuePoller, log: ProviderLog) {
    this.#settings = settings;
    this.#poller = poller;
    this.#deletes = new DeleteQueue(settings.client, settings.queueUrl);
    this.#log = log;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly TriggerMessage[], void, undefined> {
    this.#isIterated = true;
    try {
      for (;;) {
        const batch = await this.#poller.take(BATCH_SIZE);
        if (batch === null) return;
        for (const { message, handle } of batch) this.#handles.set(message, handle);
        yield batch.map(({ message }) => message);
      }
    } finally {
      this.#isIterated = false;
      this.#onChange();
    }
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const deleted: string[] = [];
    const returned: Settlement[] = [];
    for (const settlement of settlements) {
      const handle = this.#handles.get(settlement.message);
      if (handle === undefined) continue;
      if (settlement.outcome === "retry") returned.push(settlement);
      else deleted.push(handle);
    }
    this.#settling += 1;
    try {
      await this.#returnToQueue(returned.map(({ message, delayMs }) => [this.#handles.get(message)!, delayMs ?? 0]));
      await this.#deletes.delete(deleted);
    } catch (error) {
      throw toTriggerError(error, this.#settings.queueUrl, "sqs:DeleteMessage");
    } finally {
      for (const { message } of settlements) this.#handles.delete(message);
      this.#settling -= 1;
      this.#onChange();
    }
  }

  pause(): void {
    this.#poller.pause();
  }

  resume(): void {
    this.#poller.resume();
  }

  /**
   * Starts no more polls and lets those under way end: what they still bring is yielded, and iteration ends after
   * it. Resolves when everything that was yielded is settled too, or at the deadline.
   */
  close(options: { readonly deadlineMs: number }): Promise<void> {
    this.#closed ??= this.#close(options.deadlineMs);
    return this.#closed;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#poller.stop();
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, deadlineMs);
    await Promise.race([Promise.all([this.#poller.idle(), this.#untilSettled()]), deadline.promise]);
    clearTimeout(timer);
    const left = [...this.#poller.drain().map(({ handle }) => handle), ...this.#handles.values()];
    await this.#returnToQueue(left.map((handle) => [handle, 0]));
    this.#settings.client.destroy();
  }

  /** Resolves when iteration is over and nothing that it yielded is open. */
  #untilSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (!this.#isIterated && this.#settling === 0 && this.#handles.size === 0) resolve();
      };
      this.#onChange();
    });
  }

  /**
   * Makes messages visible again, where the permission sqs:ChangeMessageVisibility happens to be there; without
   * it they come again when their visibility timeout is over.
   */
  async #returnToQueue(entries: readonly (readonly [handle: string, delayMs: number])[]): Promise<void> {
    for (let at = 0; at < entries.length; at += VISIBILITY_BATCH_SIZE) {
      const Entries = entries.slice(at, at + VISIBILITY_BATCH_SIZE).map(([ReceiptHandle, delayMs], index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: Math.min(43_200, Math.ceil(delayMs / 1000)),
      }));
      try {
        await this.#settings.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#settings.queueUrl, Entries }));
      } catch (error) {
        this.#log.debug("messages were not made visible again; they come when their visibility timeout is over", { error });
        return;
      }
    }
  }
}
