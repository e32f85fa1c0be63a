import type { AssetEventBody, DecisionBody } from "../api-resources.ts";
import { formatInstant } from "./format-value.ts";

/** `event 8192 of asset 'readings', from cluster/readings partition 0 offset 100` */
export function describeCause(event: AssetEventBody): string {
  return `event ${event.id} of asset '${event.name ?? "?"}', ${describeSource(event)}`;
}

export function describeSource({ message, source_dag_id: dag, source_task_id: task, source_run_id: run }: AssetEventBody): string {
  if (message !== null) {
    const place = message.offset === null ? (message.message_id ?? "") : `partition ${message.partition} offset ${message.offset}`;
    return ["from", message.source ?? "a message", place].filter((part) => part !== "").join(" ");
  }
  return task === null ? "given by hand" : `brought by task '${task}' of ${dag} ${run}`;
}

/** What the event did for one DAG, in a sentence. */
export function describeDecision(decision: DecisionBody): string {
  const { replay_id: replay, decided_at: at } = decision;
  return replay === null ? describeOutcome(decision) : `${describeOutcome(decision)} (replayed at ${formatInstant(at)}, replay ${replay})`;
}

function describeOutcome({ dag_id: dag, decision, reason, where, dag_run_id: run, dag_run_state: state, until }: DecisionBody): string {
  const because = reason === null ? "" : `: ${reason}`;
  switch (decision) {
    case "run":
      return `${dag}: started run ${run ?? "(purged)"}${state === null ? "" : `, now ${state}`}${describeWhy(reason, where)}`;
    case "filtered":
      return `${dag}: no run, since its filter did not let the event through${because === "" ? `: ${where ?? ""} is false` : because}`;
    case "filter_error":
      return `${dag}: no run, since its filter could not be computed${because}`;
    case "inbox":
      return `${dag}: waits to be decided${because}${until === null ? "" : `, at the latest at ${until}`}`;
    case "held":
      return `${dag}: is held${because || ", since the DAG is paused"}${until === null ? "" : ` until ${until}`}`;
    default:
      return `${dag}: ${decision}${because}`;
  }
}

function describeWhy(reason: string | null, where: string | null): string {
  if (reason !== null) return `, ${reason}`;
  return where === null ? "" : `, since ${where} is true`;
}
