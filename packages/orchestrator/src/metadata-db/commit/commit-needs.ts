import type { EventReplay } from "../../domain/event-replay.ts";
import type { IngestEntry, NewAssetEvent } from "../../domain/ingest-unit.ts";
import type { Work } from "../committer.ts";
import { isRemembered } from "./plan-ingest.ts";

/** What a batch must know of the database before it can be planned, where asking takes time. */
export interface CommitNeeds {
  /** At most: what the batch makes. */
  readonly ids: number;
  readonly sources: ReadonlySet<string>;
  /** Partitions by source. */
  readonly positions: ReadonlyMap<string, ReadonlySet<string>>;
  readonly seen: readonly Uint8Array[];
  readonly customRuns: readonly { readonly dag: number; readonly customRunId: string }[];
  readonly deadLetters: readonly number[];
  readonly replays: readonly EventReplay[];
  readonly shards: ReadonlySet<number>;
  /** Those that only one process may have open. */
  readonly triggers: ReadonlySet<number>;
  /** Given twice, it would be stored twice. */
  readonly isRepeatable: boolean;
}

export function needsOf(batch: readonly Work[]): CommitNeeds {
  const entries = batch.flatMap((work) => (work.kind === "ingest" ? work.unit.entries : []));
  const sources = [...entries, ...replayedEntries(batch)].map(({ source }) => source).filter((source) => source !== "");
  const cursors = entries.flatMap(({ cursor }) => cursor?.source ?? []);
  const starts = batch.flatMap((work) => (work.kind === "positions" ? work.source : []));
  const ids = batch.reduce((sum, work) => sum + idsOf(work), 0);
  return {
    ids,
    sources: new Set([...sources, ...cursors, ...starts]),
    positions: positionsOf(entries),
    seen: entries.flatMap((entry) => (entry.position === null && isRemembered(entry) ? entry.seen! : [])),
    customRuns: batch.flatMap((work) =>
      work.kind === "create" && work.run.customRunId !== null ? [{ dag: work.run.dag, customRunId: work.run.customRunId }] : [],
    ),
    deadLetters: batch.flatMap((work) => (work.kind === "replay" ? work.replay.id : work.kind === "discard" ? work.ids : [])),
    replays: batch.flatMap((work) => (work.kind === "replayEvents" ? work.replay : [])),
    shards: new Set(batch.flatMap((work) => (work.kind === "fold" ? work.writes.shard : []))),
    triggers: new Set(batch.flatMap((work) => (work.kind === "ingest" && work.unit.triggerEpoch !== null ? work.unit.triggerId : []))),
    isRepeatable: ids === 0 && batch.every((work) => work.kind === "outbox" || (work.kind === "write" && work.writes.logs.length === 0)),
  };
}

function replayedEntries(batch: readonly Work[]): readonly IngestEntry[] {
  return batch.flatMap((work) => (work.kind === "replay" ? work.replay.entry : []));
}

function positionsOf(entries: readonly IngestEntry[]): ReadonlyMap<string, ReadonlySet<string>> {
  const positions = new Map<string, Set<string>>();
  for (const { source, position } of entries) {
    if (position === null) continue;
    const partitions = positions.get(source) ?? new Set();
    positions.set(source, partitions.add(position.partition));
  }
  return positions;
}

function idsOf(work: Work): number {
  switch (work.kind) {
    case "ingest":
      return work.unit.entries.reduce((sum, entry) => sum + idsOfEntry(entry), 0);
    case "replay":
      return idsOfEntry(work.replay.entry);
    case "write":
      return work.writes.outbox.length + work.writes.outletEvents.reduce((sum, { event }) => sum + idsOfEvent(event), 0);
    case "create":
      return 1 + work.run.events.length;
    case "event":
      return idsOfEvent(work.event);
    case "fold":
      return work.writes.runs.length + work.writes.scheduled.length;
    case "replayEvents":
      return work.replay.items.length;
    case "outbox":
    case "discard":
    case "purge":
    case "positions":
      return 0;
  }
}

function idsOfEntry({ events, deadLetters }: IngestEntry): number {
  return deadLetters.length + events.reduce((sum, event) => sum + idsOfEvent(event), 0);
}

/** Its own, and a run or an inbox row for each DAG. */
function idsOfEvent({ decisions }: NewAssetEvent): number {
  return 1 + decisions.length;
}
