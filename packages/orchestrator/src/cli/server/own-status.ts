import type { ClusterMember } from "../../domain/cluster.ts";
import type { Definitions } from "../../domain/definitions.ts";
import type { FullTrigger, ProcessStatus, ProcessStatusReads, ProcessView } from "../../domain/process-status.ts";
import type { Scheduler } from "../../scheduler/scheduler.ts";
import type { Triggerer } from "../../triggerer/triggerer.ts";
import { readVersion } from "../read-version.ts";

interface OwnParts {
  readonly triggerer: Triggerer;
  readonly scheduler: Scheduler;
  readonly definitions: { readonly current: Definitions };
}

/** What this process tells of itself. */
export async function ownStatus({ triggerer, scheduler, definitions }: OwnParts): Promise<ProcessStatus> {
  const lags = await triggerer.lags();
  return {
    version: readVersion(),
    triggers: triggerer.health().map((health) => ({ ...health, lag: lags.get(health.triggerId) ?? null })),
    workers: scheduler.executor.workers(),
    full: [...definitions.current.triggers.keys()].flatMap((triggerId): FullTrigger[] => {
      const reasons = reasonsOf(scheduler, triggerId);
      return reasons.length === 0 ? [] : [{ triggerId, reasons }];
    }),
  };
}

function reasonsOf({ backlog, inbox }: Scheduler, triggerId: number): readonly string[] {
  const unstarted = backlog.describe(triggerId);
  const inboxes = inbox.fullFor(triggerId).map(({ dagId, asset, events, limit }) => {
    return `${events} events of asset '${asset}' wait for DAG '${dagId}' (limit ${limit})`;
  });
  return unstarted === null ? inboxes : [unstarted, ...inboxes];
}

interface ClusterParts {
  readonly cluster: Pick<ClusterMember, "processId" | "states">;
  readonly reads: ProcessStatusReads;
  readonly own: OwnParts;
}

/** All of them: this one as it is now, the others as they told last. */
export async function listProcesses({ cluster, reads, own }: ClusterParts): Promise<readonly ProcessView[]> {
  const [told, mine] = await Promise.all([reads.list(), ownStatus(own)]);
  return cluster.states.map((state) => {
    return { ...state, status: state.id === cluster.processId ? mine : (told.get(state.id) ?? null) };
  });
}
