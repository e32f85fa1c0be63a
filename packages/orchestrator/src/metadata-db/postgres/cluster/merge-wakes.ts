import type { InboxNotice, RunNotice, Wake } from "../../../domain/cluster.ts";

/** Those of a kind as one. */
export function mergeWakes(wakes: readonly Wake[]): readonly Wake[] {
  const runs = mergeRuns(wakes.flatMap((wake) => (wake.kind === "runs" ? wake.runs : [])));
  const rows = mergeRows(wakes.flatMap((wake) => (wake.kind === "inbox" ? wake.rows : [])));
  const dags = [...new Set(wakes.flatMap((wake) => (wake.kind === "ended" ? wake.dags : [])))];
  const others = new Map(
    wakes.flatMap((wake) => (["runs", "inbox", "ended"].includes(wake.kind) ? [] : [[JSON.stringify(wake), wake] as const])),
  );
  return [
    ...(runs.length > 0 ? [{ kind: "runs", runs } as const] : []),
    ...(rows.length > 0 ? [{ kind: "inbox", rows } as const] : []),
    ...(dags.length > 0 ? [{ kind: "ended", dags } as const] : []),
    ...others.values(),
  ];
}

/** By DAG and trigger. */
export function mergeRuns(notices: readonly RunNotice[]): readonly RunNotice[] {
  const groups = Map.groupBy(notices, ({ dag, triggerId }) => `${dag} ${triggerId}`);
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    count: group.reduce((sum, { count }) => sum + count, 0),
    fromRun: Math.min(...group.map(({ fromRun }) => fromRun)),
  }));
}

/** By DAG and asset. */
export function mergeRows(notices: readonly InboxNotice[]): readonly InboxNotice[] {
  const groups = Map.groupBy(notices, ({ dag, assetId }) => `${dag} ${assetId}`);
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    count: group.reduce((sum, { count }) => sum + count, 0),
    fromRow: Math.min(...group.map(({ fromRow }) => fromRow)),
  }));
}
