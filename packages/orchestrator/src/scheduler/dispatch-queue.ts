import type { ActiveRun } from "../domain/run.ts";

export interface ReadyTask {
  readonly run: ActiveRun;
  readonly index: number;
}

/** Tasks that can start: in order within a DAG, round-robin over DAGs, so that a busy one does not hold up the others. */
export class DispatchQueue {
  readonly #lanes = new Map<number, Lane>();
  /** DAGs with something waiting, in the order of their turns. */
  #turns: number[] = [];
  #count = 0;

  get size(): number {
    return this.#count;
  }

  push(task: ReadyTask): void {
    const { dag } = task.run;
    let lane = this.#lanes.get(dag);
    if (lane === undefined) {
      lane = { items: [], head: 0 };
      this.#lanes.set(dag, lane);
      this.#turns.push(dag);
    }
    lane.items.push(task);
    this.#count += 1;
  }

  /** undefined where nothing waits. */
  take(): ReadyTask | undefined {
    const dag = this.#turns.shift();
    const lane = dag === undefined ? undefined : this.#lanes.get(dag);
    if (dag === undefined || lane === undefined) return undefined;
    const task = lane.items[lane.head];
    lane.head += 1;
    this.#count -= 1;
    if (lane.head === lane.items.length) this.#lanes.delete(dag);
    else {
      this.#turns.push(dag);
      compact(lane);
    }
    return task;
  }
}

/** A queue over an array: what lies before `head` is taken, and cut off now and then. */
interface Lane {
  items: ReadyTask[];
  head: number;
}

function compact(lane: Lane): void {
  if (lane.head < 1024 || lane.head * 2 < lane.items.length) return;
  lane.items = lane.items.slice(lane.head);
  lane.head = 0;
}
