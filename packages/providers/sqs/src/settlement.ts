import { DeleteMessageBatchCommand, type BatchResultErrorEntry, type SQSClient } from "@aws-sdk/client-sqs";

/** SQS's own limit for one request. */
const BATCH_SIZE = 10;
/** More requests at once than this and SQS answers more slowly, not faster. */
const MAX_IN_FLIGHT = 8;
const MAX_ATTEMPTS = 3;

interface Deletion {
  readonly handle: string;
  attempts: number;
  readonly done: (error: Error | null) => void;
}

/** Deletes messages in requests of ten: what comes in while requests are under way is put together. */
export class DeleteQueue {
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #waiting: Deletion[] = [];
  #inFlight = 0;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  /** Resolves when SQS confirmed every one. @throws the first error, once all of them were tried. */
  delete(handles: readonly string[]): Promise<void> {
    if (handles.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let left = handles.length;
      let failure: Error | null = null;
      const done = (error: Error | null): void => {
        failure ??= error;
        left -= 1;
        if (left > 0) return;
        if (failure === null) resolve();
        else reject(failure);
      };
      this.#waiting.push(...handles.map((handle) => ({ handle, attempts: 0, done })));
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < MAX_IN_FLIGHT && this.#waiting.length > 0) {
      this.#inFlight += 1;
      const batch = this.#waiting.splice(0, BATCH_SIZE);
      void this.#send(batch).finally(() => {
        this.#inFlight -= 1;
        this.#pump();
      });
    }
  }

  async #send(batch: readonly Deletion[]): Promise<void> {
    const Entries = batch.map((deletion, index) => ({ Id: String(index), ReceiptHandle: deletion.handle }));
    try {
      const { Failed: failed = [] } = await this.#client.send(new DeleteMessageBatchCommand({ QueueUrl: this.#queueUrl, Entries }));
      const failures = new Map(failed.map((entry) => [Number(entry.Id), entry]));
      batch.forEach((deletion, index) => this.#finish(deletion, failures.get(index)));
    } catch (error) {
      for (const deletion of batch) deletion.done(error as Error);
    }
  }

  #finish(deletion: Deletion, failed: BatchResultErrorEntry | undefined): void {
    if (failed === undefined) return deletion.done(null);
    deletion.attempts += 1;
    if (failed.SenderFault !== true && deletion.attempts < MAX_ATTEMPTS) {
      this.#waiting.push(deletion);
      return undefined;
    }
    return deletion.done(new Error(`SQS did not delete a message: ${failed.Code ?? "unknown"}: ${failed.Message ?? ""}`));
  }
}
