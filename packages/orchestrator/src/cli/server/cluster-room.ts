import type { Cluster } from "../../domain/cluster.ts";

/** Room for a trigger's messages in the other processes, as they tell of it with each heartbeat (P6). */
export class ClusterRoom {
  readonly #cluster: Pick<Cluster, "isFull">;
  readonly #waiting = new Map<number, { readonly promise: Promise<void>; readonly resolve: () => void }>();

  constructor(cluster: Pick<Cluster, "isFull">) {
    this.#cluster = cluster;
  }

  /** null while there is room; else resolves when there may be again. */
  wait(triggerId: number): Promise<void> | null {
    if (!this.#cluster.isFull(triggerId)) return null;
    const waiting = this.#waiting.get(triggerId) ?? Promise.withResolvers<void>();
    this.#waiting.set(triggerId, waiting);
    return waiting.promise;
  }

  /** The others have told something new. */
  look(): void {
    for (const [triggerId, { resolve }] of this.#waiting) {
      if (this.#cluster.isFull(triggerId)) continue;
      this.#waiting.delete(triggerId);
      resolve();
    }
  }
}
