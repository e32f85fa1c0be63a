// How long a process's event loop has been kept, told by a thread of it: the loop itself cannot say so while it is kept.

const TURN_MS = 100;

/** In the main thread: from now on its turns are counted, in what a thread is to be given. */
export function countTurns(): SharedArrayBuffer {
  const turns = new SharedArrayBuffer(4);
  const view = new Int32Array(turns);
  setInterval(() => Atomics.add(view, 0, 1), TURN_MS);
  return turns;
}

/** In the thread: to be looked at again and again. */
export class TurnWatch {
  readonly #view: Int32Array;
  #turns = 0;
  #turnedAt = performance.now();

  constructor(turns: SharedArrayBuffer) {
    this.#view = new Int32Array(turns);
  }

  /** Turns so far, and ms since one was last seen. */
  look(): { readonly turns: number; readonly blockedMs: number } {
    const now = performance.now();
    const turns = Atomics.load(this.#view, 0);
    if (turns !== this.#turns) this.#turnedAt = now;
    this.#turns = turns;
    return { turns, blockedMs: Math.round(now - this.#turnedAt) };
  }
}
