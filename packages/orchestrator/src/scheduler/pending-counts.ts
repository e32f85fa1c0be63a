import type { TriggerEntry } from "../domain/definitions.ts";

/** So many events of an asset wait for a DAG that the streams which bring them are paused. */
export interface FullInbox {
  readonly dagId: string;
  readonly asset: string;
  readonly events: number;
  readonly limit: number;
}

/** How many events wait for each DAG, by their asset. */
export class PendingCounts {
  readonly #counts = new Map<number, Map<number, number>>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  ofAsset(dag: number, assetId: number): number {
    return this.#counts.get(dag)?.get(assetId) ?? 0;
  }

  ofDag(dag: number): number {
    let sum = 0;
    for (const count of this.#counts.get(dag)?.values() ?? []) sum += count;
    return sum;
  }

  /** Where a trigger's messages go to and find no room. */
  fullFor(trigger: TriggerEntry | undefined, limit: number): readonly FullInbox[] {
    if (this.isEmpty || trigger === undefined) return [];
    return trigger.watchers.flatMap(({ asset }) =>
      asset.subscribers.flatMap(({ dag }) => {
        const events = this.ofAsset(dag.id, asset.id);
        return events >= limit ? [{ dagId: dag.dagId, asset: asset.name, events, limit }] : [];
      }),
    );
  }

  clear(): void {
    this.#counts.clear();
  }

  add(dag: number, assetId: number, change: number): void {
    const ofDag = this.#counts.get(dag) ?? new Map<number, number>();
    const count = (ofDag.get(assetId) ?? 0) + change;
    if (count > 0) ofDag.set(assetId, count);
    else ofDag.delete(assetId);
    if (ofDag.size > 0) this.#counts.set(dag, ofDag);
    else this.#counts.delete(dag);
  }
}
