/** Sends numbered messages at a steady rate; what a broker that was down has answered to is not known. */
export class SteadyProducer {
  /** The broker has them. */
  readonly acknowledged = new Set<number>();
  /** It may have them. */
  readonly uncertain = new Set<number>();
  readonly #send: (values: readonly number[]) => Promise<void>;
  readonly #next: () => number;
  readonly #batch: number;
  #isRunning = true;
  #done: Promise<void>;

  /** `rate`: messages a second, sent ten times a second. */
  constructor(options: { send: (values: readonly number[]) => Promise<void>; next: () => number; rate: number }) {
    this.#send = options.send;
    this.#next = options.next;
    this.#batch = Math.max(1, Math.round(options.rate / 10));
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const values = Array.from({ length: this.#batch }, () => this.#next());
      const sent = this.#send(values).then(
        () => values.forEach((value) => this.acknowledged.add(value)),
        () => values.forEach((value) => this.uncertain.add(value)),
      );
      await Promise.all([sent, new Promise((resolve) => setTimeout(resolve, 100))]);
    }
  }
}
