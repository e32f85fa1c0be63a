import type { TriggerHealth } from "../domain/health.ts";
import type { TriggerSubscription } from "../domain/ingest-sink.ts";
import type { Service } from "../domain/service.ts";
import { TriggerRunner, type TriggererOptions } from "./trigger-runner.ts";

const DEFAULT_STOP_MS = 30_000;
/** A broker that does not tell its lag within it is not waited for. */
const LAG_LIMIT_MS = 2_000;

/** Keeps the triggers of all watchers open: one stream for each distinct trigger. */
export class Triggerer implements Service {
  readonly #options: TriggererOptions;
  readonly #runners = new Map<number, TriggerRunner>();
  /** Runners of triggers that were removed or changed, until they have stopped. */
  readonly #leaving = new Map<number, Promise<void>>();
  #isStarted = false;
  #isStopped = false;

  constructor(options: TriggererOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#isStarted || this.#isStopped) return;
    this.#isStarted = true;
    for (const runner of this.#runners.values()) runner.start();
  }

  /** A trigger that did not change goes on undisturbed; one that is gone is stopped, and so is the old one of one that changed. */
  setSubscriptions(subscriptions: readonly TriggerSubscription[]): void {
    if (this.#isStopped) return;
    const wanted = new Map(subscriptions.map((subscription) => [subscription.triggerId, subscription]));
    for (const [triggerId, runner] of this.#runners) {
      const now = wanted.get(triggerId);
      if (now === undefined || !isEqual(now, runner.subscription)) this.#remove(triggerId, runner);
    }
    for (const [triggerId, subscription] of wanted) {
      if (!this.#runners.has(triggerId)) this.#add(subscription);
    }
  }

  /** A connection has changed: the triggers that use it are opened anew. */
  reopen(connection: string): void {
    if (this.#isStopped) return;
    const affected = [...this.#runners].filter(([, { subscription }]) => subscription.connection === connection);
    for (const [triggerId, runner] of affected) {
      this.#remove(triggerId, runner);
      this.#add(runner.subscription);
    }
  }

  health(): readonly TriggerHealth[] {
    return [...this.#runners.values()].map((runner) => runner.health());
  }

  /** Messages that wait in the broker, by trigger; those whose broker does not tell are left out. */
  async lags(): Promise<ReadonlyMap<number, number>> {
    const late = Promise.withResolvers<null>();
    const cancel = this.#options.clock.after(LAG_LIMIT_MS, () => late.resolve(null));
    const asked = [...this.#runners].map(async ([id, runner]) => [id, await Promise.race([runner.lag(), late.promise])] as const);
    const answers = await Promise.all(asked);
    cancel();
    return new Map(answers.flatMap(([id, lag]) => (lag === null ? [] : [[id, lag] as const])));
  }

  /** Stops pulling, finishes what was pulled, closes the streams: redelivery is not needed. */
  async stop(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#isStopped = true;
    const deadlineMs = options.deadlineMs ?? DEFAULT_STOP_MS;
    const stops = [...this.#runners.values()].map((runner) => runner.stop(deadlineMs));
    await Promise.all([...stops, ...this.#leaving.values()]);
  }

  /** A changed trigger is opened once its old stream is closed: the two would compete. */
  #add(subscription: TriggerSubscription): void {
    const runner = new TriggerRunner(subscription, this.#options);
    this.#runners.set(subscription.triggerId, runner);
    const left = this.#leaving.get(subscription.triggerId) ?? Promise.resolve();
    void left.then(() => {
      const isCurrent = this.#runners.get(subscription.triggerId) === runner;
      if (this.#isStarted && !this.#isStopped && isCurrent) runner.start();
    });
  }

  #remove(triggerId: number, runner: TriggerRunner): void {
    this.#runners.delete(triggerId);
    const before = this.#leaving.get(triggerId) ?? Promise.resolve();
    const left = Promise.all([before, runner.stop(DEFAULT_STOP_MS)]).then(() => {
      if (this.#leaving.get(triggerId) === left) this.#leaving.delete(triggerId);
    });
    this.#leaving.set(triggerId, left);
  }
}

function isEqual(a: TriggerSubscription, b: TriggerSubscription): boolean {
  const text = (s: TriggerSubscription): string => JSON.stringify([s.kind, s.connection, s.params, s.defaultGroup, s.version]);
  return text(a) === text(b);
}
