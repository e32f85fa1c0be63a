import type { TriggerMessage } from "@millrace/sdk/provider";
import type { Committer } from "../domain/committer.ts";
import type { DeadLetterReplay, ReplayedDeadLetter } from "../domain/dead-letter.ts";
import { DECISION_CODES } from "../domain/decision.ts";
import type { Definitions, TriggerEntry } from "../domain/definitions.ts";
import { prepareEntry } from "../domain/ingest.ts";
import type { IngestEntry } from "../domain/ingest-unit.ts";
import type { DeadLetterRead } from "../domain/reads.ts";

export interface ReplayParts {
  readonly definitions: Definitions;
  readonly committer: Committer;
  /** IngestSink.waitForRoom. */
  readonly waitForRoom: (triggerId: number) => Promise<void> | null;
  /** Only says what would come of them. */
  readonly isDryRun: boolean;
}

/**
 * Each by the definition of its asset as it is now. A letter goes in the commit that stores its events, so that it becomes
 * them once, however often it is replayed.
 */
export async function replayDeadLetters(letters: readonly DeadLetterRead[], parts: ReplayParts): Promise<readonly ReplayedDeadLetter[]> {
  if (!parts.isDryRun) for (const id of new Set(letters.map(({ triggerId }) => triggerId))) if (id !== null) await parts.waitForRoom(id);
  return Promise.all(letters.map(async (letter) => replayOne(letter, parts)));
}

async function replayOne(letter: DeadLetterRead, { definitions, committer, isDryRun }: ReplayParts): Promise<ReplayedDeadLetter> {
  const { id, triggerId } = letter;
  const found = findListener(letter, definitions);
  if (typeof found === "string") return { id, outcome: "kept", events: 0, runs: 0, reason: found };
  const entry = prepareEntry(toMessage(letter), found);
  const replay: DeadLetterReplay = { id, triggerId, entry };
  const outcome = { id, events: entry.events.length, ...describe(entry) };
  if (isDryRun) return { ...outcome, runs: countRuns(entry) };
  // A filter that cannot be computed says nothing about the message.
  if (outcome.outcome === "kept" && entry.deadLetters.length === 0) return { ...outcome, runs: 0 };
  const { isGone, runs } = await committer.replayDeadLetter(replay);
  return isGone ? { id, outcome: "gone", events: 0, runs: 0, reason: null } : { ...outcome, runs };
}

function describe({ events, deadLetters, rejected, ignored }: IngestEntry): Pick<ReplayedDeadLetter, "outcome" | "reason"> {
  const [still] = deadLetters;
  if (still !== undefined) return { outcome: "kept", reason: `${still.reasonCode}: ${still.reason}` };
  if (events.length > 0) return { outcome: "replayed", reason: null };
  const failed = rejected.find(({ reason }) => reason === "rejected_error");
  if (failed !== undefined) return { outcome: "kept", reason: `the watcher's where failed: ${failed.sample}` };
  return {
    outcome: "dropped",
    reason: rejected.length > 0 ? "the watcher's where is false" : `no event by its envelope: ${ignored.join(", ")}`,
  };
}

function countRuns({ events }: IngestEntry): number {
  return events.flatMap(({ decisions }) => decisions).filter(({ code }) => code === DECISION_CODES.run).length;
}

/**
 * How its asset listens now: by the trigger that brought it, or by the only one there is where that was changed. A sentence
 * where neither is.
 */
function findListener({ assetId, asset, triggerId }: DeadLetterRead, { triggers }: Definitions): TriggerEntry | string {
  const listening = [...triggers.values()].flatMap((trigger) => {
    const watchers = trigger.watchers.filter((watcher) => watcher.asset.id === assetId);
    return watchers.length === 0 ? [] : [{ ...trigger, watchers }];
  });
  const own = listening.find(({ id }) => id === triggerId);
  const [first, ...more] = listening;
  if (own !== undefined) return own;
  if (first === undefined) return `no watcher of asset '${asset ?? ""}' is loaded`;
  if (more.length > 0) return `the trigger that brought it is gone, and asset '${asset ?? ""}' has ${listening.length} others`;
  return first;
}

function toMessage(letter: DeadLetterRead): TriggerMessage {
  return {
    identity: toIdentity(letter),
    value: letter.value,
    key: letter.messageKey,
    headers: letter.headers.map(([name, value]) => [name, Buffer.from(value)] as const),
    sentAt: null,
    attributes: {},
  };
}

function toIdentity({ source, partition, offset, messageId }: DeadLetterRead): TriggerMessage["identity"] {
  if (source === null) return null;
  if (partition !== null && offset !== null) return { source, partition, offset: BigInt(offset) };
  return messageId === null ? null : { source, id: messageId };
}
