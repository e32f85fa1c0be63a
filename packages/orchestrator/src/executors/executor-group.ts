import type { Executor, TaskDispatch } from "../domain/executor.ts";
import type { WorkerHealth } from "../domain/health.ts";
import type { Isolation } from "../domain/remote-frames.ts";
import type { TryRef } from "../domain/worker-frames.ts";

/** An executor that says how full it is. */
export interface GroupedExecutor extends Executor {
  /** How many of its slots are taken, from 0 to 1. */
  load(isolation: Isolation): number;
}

/** Several executors as one: each try goes where there is most room, to the first of them where there is as much. */
export class ExecutorGroup implements Executor {
  readonly #members: readonly GroupedExecutor[];

  constructor(members: readonly [GroupedExecutor, ...GroupedExecutor[]]) {
    this.#members = members;
  }

  get isConnected(): boolean {
    return this.#members.some((member) => member.isConnected);
  }

  get workerAddress(): string | null {
    return this.#members.find((member) => member.workerAddress !== null)?.workerAddress ?? null;
  }

  setPeers(schedulers: readonly string[]): void {
    for (const member of this.#members) member.setPeers(schedulers);
  }

  async start(): Promise<void> {
    for (const member of this.#members) await member.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map(async (member) => member.stop()));
  }

  hasRoom(isolation: Isolation): boolean {
    return this.#members.some((member) => member.hasRoom(isolation));
  }

  dispatch(dispatch: TaskDispatch): void {
    const { isolation } = dispatch;
    let best: GroupedExecutor | undefined;
    for (const member of this.#members) {
      if (!member.hasRoom(isolation)) continue;
      if (best === undefined || member.load(isolation) < best.load(isolation)) best = member;
    }
    (best ?? this.#members[0]!).dispatch(dispatch);
  }

  cancel(ref: TryRef): void {
    for (const member of this.#members) member.cancel(ref);
  }

  drain(): void {
    for (const member of this.#members) member.drain();
  }

  workers(): readonly WorkerHealth[] {
    return this.#members.flatMap((member) => member.workers());
  }
}
