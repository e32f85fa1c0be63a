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
