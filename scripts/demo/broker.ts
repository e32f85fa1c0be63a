/** A broker that holds the messages and takes the replies, as the demo uses it: with a client of its own. */
export interface Broker extends AsyncDisposable {
  /** `SQS queue` */
  readonly kind: string;
  /** The connection that the server needs. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves when the broker has all of them. */
  send(queue: string, messages: readonly string[]): Promise<void>;
  /** Every message that comes out of a queue from the broker's opening on. Ends with `signal`. */
  receive(queue: string, onMessage: (body: string) => void, signal: AbortSignal): Promise<void>;
}
