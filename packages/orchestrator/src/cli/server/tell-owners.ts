import type { Cluster } from "../../domain/cluster.ts";
import type { HandedOverRun } from "../../domain/committer.ts";

/** After the commit: the schedulers that its runs were given to. */
export function tellOwners(cluster: Pick<Cluster, "tell">, runs: readonly HandedOverRun[]): void {
  for (const [ownerId, own] of Map.groupBy(runs, (run) => run.ownerId)) {
    const notices = own.map(({ dag, triggerId, runId }) => ({ dag, triggerId, count: 1, fromRun: runId }));
    cluster.tell(ownerId, { kind: "runs", runs: notices });
  }
}
