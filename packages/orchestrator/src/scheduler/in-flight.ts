import type { Clock } from "../domain/clock.ts";
import type { ActiveRun } from "../domain/run.ts";
import type { ReadyTask } from "./dispatch-queue.ts";

/** The tries that workers have, by their fences. */
export class InFlight {
  readonly #tries = new Map<string, ReadyTask>();
  #onIdle: (() => void) | null = null;

  get size(): number {
    return this.#tries.size;
  }

  get(fence: string): ReadyTask | undefined {
    return this.#tries.get(fence);
  }

  all(): readonly ReadyTask[] {
    return [...this.#tries.values()];
  }

  add(fence: string, task: ReadyTask): void {
    this.#tries.set(fence, task);
  }

  /** Out of it: a report under this fence changes nothing from now on. */
  take(fence: string): ReadyTask | undefined {
    const task = this.#tries.get(fence);
    this.#tries.delete(fence);
    if (this.#tries.size === 0) this.#onIdle?.();
    return task;
  }

  forget(run: ActiveRun): void {
    for (const [fence, task] of this.#tries) if (task.run === run) this.#tries.delete(fence);
  }

  /** Tries that have lasted since `before` (UTC ms) and have no row yet, by run. */
  lasting(before: number): ReadonlyMap<ActiveRun, readonly number[]> {
    const found = new Map<ActiveRun, number[]>();
    for (const { run, index } of this.#tries.values()) {
      const { isRecorded, startedAt } = run.tasks[index]!;
      if (!isRecorded && startedAt !== null && startedAt <= before) found.set(run, [...(found.get(run) ?? []), index]);
    }
    return found;
  }

  /** Resolves when there is none, or at the end of the deadline. */
  async idle(clock: Clock, deadlineMs: number): Promise<void> {
    if (this.#tries.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const cancel = clock.after(deadlineMs, resolve);
    await promise;
    cancel();
  }
}
