import type { OpenTriggerContext, StreamState, TriggerMessage, TriggerStream } from "@millrace/sdk/provider";
import { backoffMs } from "../domain/backoff.ts";
import { CancellableWait } from "../domain/cancellable-wait.ts";
import type { Clock } from "../domain/clock.ts";
import { connectionOf } from "../domain/connection-of.ts";
import type { Connections } from "../domain/connections.ts";
import { codedMessage } from "../domain/coded-message.ts";
import { MillraceError } from "../domain/errors.ts";
import type { TriggerHealth } from "../domain/health.ts";
import type { IngestSink, TriggerSubscription } from "../domain/ingest-sink.ts";
import type { Log } from "../domain/log.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { StreamIngest } from "./stream-ingest.ts";

export interface TriggererOptions {
  readonly sink: IngestSink;
  readonly connections: Connections;
  readonly catalog: Pick<ProviderCatalog, "findTrigger">;
  readonly clock: Clock;
  readonly log: Log;
}

const REOPEN_BACKOFF = { firstMs: 250, maxMs: 30_000 };
/** A stream that lasted so long was healthy: the next backoff begins anew. */
const HEALTHY_AFTER_MS = 30_000;
/** A provider that neither opens nor fails within it counts as failed. */
const OPEN_TIMEOUT_MS = 60_000;
/** A dead stream has nothing to wait for but its sockets. */
const DEAD_CLOSE_MS = 1_000;

/** Keeps one trigger's stream open: opens it, takes its messages, and opens it again with a backoff when it dies. */
export class TriggerRunner {
  readonly subscription: TriggerSubscription;
  readonly #options: TriggererOptions;
  readonly #log: Log;
  readonly #waits: CancellableWait;
  readonly #abort = new AbortController();
  readonly #stopSignal = Promise.withResolvers<void>();
  #stream: TriggerStream | null = null;
  #loop: Promise<void> | null = null;
  #isStopping = false;
  #isAborted = false;
  #failures = 0;
  /** There has been no room for its messages since then. */
  #pausedAt: number | null = null;
  #health: TriggerHealth;
  /** Lost messages stay lost: unlike other errors this one is shown on, also while the stream runs. */
  #gapError: string | null = null;

  constructor(subscription: TriggerSubscription, options: TriggererOptions) {
    this.subscription = subscription;
    this.#options = options;
    this.#log = options.log.child({ trigger: subscription.triggerId, kind: subscription.kind });
    this.#waits = new CancellableWait(options.clock);
    this.#health = {
      triggerId: subscription.triggerId,
      state: "connecting",
      pausedAt: null,
      lastError: null,
      lastMessageAt: null,
      reconnects: 0,
      messages: 0,
      withoutIdentity: 0,
    };
  }

  health(): TriggerHealth {
    return this.#pausedAt === null ? this.#health : { ...this.#health, state: "paused", pausedAt: this.#pausedAt };
  }

  /** Messages that wait in the broker; null where its stream is not open or cannot tell. */
  async lag(): Promise<number | null> {
    try {
      return (await this.#stream?.lag?.()) ?? null;
    } catch (error) {
      this.#log.debug("the lag could not be asked for", { error });
      return null;
    }
  }

  start(): void {
    this.#loop ??= this.#isStopping ? Promise.resolve() : this.#run();
  }

  /** Stops pulling, stores and acknowledges what was pulled, closes the stream; at the deadline the rest is left to come again. */
  async stop(deadlineMs: number): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#stopSignal.resolve();
      this.#abort.abort(new Error("the trigger is stopped"));
      if (this.#stream === null) this.#waits.cancel();
      void this.#stream?.close({ deadlineMs });
    }
    const overdue = Promise.withResolvers<void>();
    const cancelDeadline = this.#options.clock.after(deadlineMs, () => {
      this.#isAborted = true;
      this.#waits.cancel();
    });
    const cancelOverdue = this.#options.clock.after(deadlineMs + DEAD_CLOSE_MS, () => overdue.resolve());
    await Promise.race([this.#loop, overdue.promise]);
    cancelDeadline();
    cancelOverdue();
    this.#update({ state: "stopped" });
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const openedAt = this.#options.clock.monotonic();
      try {
        this.#stream = await this.#open();
        await this.#ingest(this.#stream);
      } catch (error) {
        this.#reportFailure(error as Error);
      }
      await this.#close();
      if (this.#isStopping) return;
      if (this.#options.clock.monotonic() - openedAt >= HEALTHY_AFTER_MS) this.#failures = 0;
      this.#failures += 1;
      this.#update({ reconnects: this.#health.reconnects + 1 });
      await this.#waits.wait(backoffMs(this.#failures, REOPEN_BACKOFF));
    }
  }

  async #open(): Promise<TriggerStream> {
    const { kind, connection, params } = this.subscription;
    const triggerKind = this.#options.catalog.findTrigger(kind);
    if (triggerKind === undefined)
      throw new MillraceError("TRIGGER_KIND_UNKNOWN", `expected a provider with the trigger kind "${kind}", got none`);
    const address = await connectionOf(triggerKind, params, connection, this.#options.connections);
    this.#abort.signal.throwIfAborted();
    const opening = triggerKind.open(params, address, this.#context());
    const late = Promise.withResolvers<never>();
    const giveUp = (reason: unknown): void => late.reject(reason);
    const cancelTimeout = this.#options.clock.after(OPEN_TIMEOUT_MS, () =>
      giveUp(new Error(`the trigger was not open after ${OPEN_TIMEOUT_MS} ms`)),
    );
    const onAbort = (): void => giveUp(this.#abort.signal.reason);
    this.#abort.signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([opening, late.promise]);
    } catch (error) {
      opening.then((stream) => stream.close({ deadlineMs: 0 })).catch(() => {});
      throw error;
    } finally {
      cancelTimeout();
      this.#abort.signal.removeEventListener("abort", onAbort);
    }
  }

  #context(): OpenTriggerContext {
    const { sink } = this.#options;
    return {
      defaultGroup: this.subscription.defaultGroup,
      positions: (source) => sink.positions(source),
      startPositions: (source, starts) => sink.startPositions(source, starts),
      cursor: (source) => sink.cursor(source),
      signal: this.#abort.signal,
      log: this.#log,
      onState: (state, error) => this.#onState(state, error),
      onGap: (gap) => {
        const message = `${gap.actual - gap.expected} messages were removed from the broker before they were read`;
        this.#gapError = `POSITION_GAP: ${message}`;
        this.#update({ lastError: this.#gapError });
        this.#log.error(message, { ...gap, expected: String(gap.expected), actual: String(gap.actual) });
      },
    };
  }

  async #ingest(stream: TriggerStream): Promise<void> {
    if (this.#isStopping) return;
    const { sink, clock } = this.#options;
    await new StreamIngest(stream, {
      triggerId: this.subscription.triggerId,
      sink,
      clock,
      waits: this.#waits,
      stopping: this.#stopSignal.promise,
      isStopping: () => this.#isStopping,
      isAborted: () => this.#isAborted,
      onStored: (messages) => this.#onStored(messages),
      onPaused: (isPaused) => (this.#pausedAt = isPaused ? clock.now() : null),
      onFailing: (error) => this.#reportFailure(error),
      onSettleError: (error) =>
        this.#log.warn("messages were stored but not acknowledged: they come again, and are dropped as duplicates", { error }),
    }).run();
  }

  async #close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = null;
    if (stream === null) return;
    try {
      await stream.close({ deadlineMs: DEAD_CLOSE_MS });
    } catch (error) {
      this.#log.warn("a stream was not closed in order", { error });
    }
  }

  #onStored(messages: readonly TriggerMessage[]): void {
    const isRecovered = this.#health.state === "failing";
    this.#update({
      lastMessageAt: this.#options.clock.now(),
      messages: this.#health.messages + messages.length,
      withoutIdentity: this.#health.withoutIdentity + messages.filter(({ identity }) => identity === null).length,
      ...(isRecovered ? { state: "streaming", lastError: this.#gapError } : {}),
    });
  }

  #onState(state: StreamState, error?: Error): void {
    if (state === "reconnecting") {
      if (this.#health.state !== "reconnecting") this.#update({ reconnects: this.#health.reconnects + 1 });
      this.#reportFailure(error ?? new Error("the connection was lost"), "reconnecting");
    }
    if (state === "streaming") this.#update({ state, lastError: this.#gapError });
    if (state === "connecting" && this.#failures === 0) this.#update({ state });
    if (state === "streaming") this.#log.info("streaming");
  }

  /** A state that lasts is said once, not at every attempt. */
  #reportFailure(error: Error, state: "failing" | "reconnecting" = "failing"): void {
    if (this.#isStopping && this.#abort.signal.reason === error) return;
    const lastError = codedMessage(error);
    if (this.#health.state === state && this.#health.lastError === lastError) this.#log.debug(lastError);
    else this.#log.warn(lastError, { error });
    this.#update({ state, lastError });
  }

  #update(change: Partial<TriggerHealth>): void {
    this.#health = { ...this.#health, ...change };
  }
}
