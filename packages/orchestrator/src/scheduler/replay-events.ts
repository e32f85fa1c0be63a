import type { Committer } from "../domain/committer.ts";
import { DECISION_CODES } from "../domain/decision.ts";
import type { Definitions, Subscriber } from "../domain/definitions.ts";
import { compileEventFilter, type EventFilter } from "../domain/event-filter.ts";
import type { EventReplayPage, EventReplayRequest, ReplayCandidate, ReplayedForDag, ReplayItem } from "../domain/event-replay.ts";
import { fittingSlots, scopeOfStored } from "../domain/ingest.ts";

export interface ReplayEventsParts {
  readonly definitions: Definitions;
  readonly committer: Pick<Committer, "replayEvents">;
  /** Events that wait for a DAG. */
  readonly pendingOf: (dag: number) => Promise<number>;
}

/** Half of what stops a stream: a replay leaves room for what arrives. */
const MAX_PENDING = 50_000;
/** Of one commit, which everything else waits for. */
const ITEMS_PER_COMMIT = 250;

type Counts = { -readonly [Name in keyof ReplayedForDag]: ReplayedForDag[Name] };

/**
 * A page of stored events into the inboxes of the DAGs that are subscribed to their assets now, by these DAGs' filters as they
 * are now. Nothing is stored where one of the inboxes is too full. @throws {MillraceError} CEL_INVALID
 */
export async function replayEvents(
  candidates: readonly ReplayCandidate[],
  request: EventReplayRequest,
  parts: ReplayEventsParts,
): Promise<EventReplayPage> {
  const { taken, ...said } = select(candidates, request.where === null ? null : compileEventFilter(request.where));
  const plan = new ReplayPlan(request, parts.definitions);
  for (const candidate of taken) plan.add(candidate);
  const full = request.isDryRun ? [] : await findFull(plan.items, parts);
  if (!request.isDryRun && full.length === 0) await commit(plan, request.replayId, parts);
  return { ...said, selected: taken.length, dags: plan.counts, full };
}

function select(candidates: readonly ReplayCandidate[], filter: EventFilter | null) {
  const taken: ReplayCandidate[] = [];
  let failed = 0;
  let failure: string | null = null;
  let ofOneRun = 0;
  for (const candidate of candidates) {
    try {
      if (filter !== null && !filter(candidate)) continue;
      if (candidate.isOfOneRun) ofOneRun += 1;
      else taken.push(candidate);
    } catch (error) {
      failed += 1;
      failure ??= `event ${candidate.event.id}: ${(error as Error).message.split("\n")[0]}`;
    }
  }
  return { taken, failed, failure, ofOneRun };
}

/** What each event of a page is to do for each DAG. */
class ReplayPlan {
  readonly items: ReplayItem[] = [];
  readonly #request: EventReplayRequest;
  readonly #definitions: Definitions;
  readonly #counts = new Map<string, Counts>();
  readonly #names = new Map<number, string>();

  constructor(request: EventReplayRequest, definitions: Definitions) {
    this.#request = request;
    this.#definitions = definitions;
  }

  get counts(): readonly ReplayedForDag[] {
    return [...this.#counts.values()].toSorted((a, b) => a.dagId.localeCompare(b.dagId));
  }

  /** This replay had added it before. */
  countRepeated({ dag }: ReplayItem): void {
    const counts = this.#of(this.#names.get(dag)!);
    counts.events -= 1;
    counts.repeated += 1;
  }

  add(candidate: ReplayCandidate): void {
    const subscribers = this.#definitions.assets.get(candidate.event.data.assetName)?.subscribers ?? [];
    const { dagId } = this.#request;
    const wanted = subscribers.filter(({ dag }) => dagId === null || dag.dagId === dagId);
    for (const subscriber of wanted) this.#addFor(subscriber, candidate);
    const expected = dagId === null ? candidate.decidedFor : [dagId];
    for (const name of expected) if (!wanted.some(({ dag }) => dag.dagId === name)) this.#of(name).notSubscribed += 1;
  }

  #addFor(subscriber: Subscriber, { event, ranIn, waitsFor }: ReplayCandidate): void {
    const { dag } = subscriber;
    const counts = this.#of(dag.dagId);
    this.#names.set(dag.id, dag.dagId);
    if (this.#request.isOnlyWithoutRun && (ranIn.includes(dag.dagId) || waitsFor.includes(dag.dagId))) {
      counts.withRun += 1;
      return;
    }
    const { assetId, assetName, payload } = event.data;
    const { slots } = fittingSlots(subscriber, scopeOfStored(assetName, event.data));
    if (slots.length === 0) {
      counts.filtered += 1;
      return;
    }
    counts.events += 1;
    const code = dag.isPaused ? DECISION_CODES.held : DECISION_CODES.inbox;
    const of = { dag: dag.id, shard: dag.shard, versionId: dag.version.id };
    this.items.push({ eventId: event.id, assetId, triggerId: event.triggerId, bytes: payload.byteLength, ...of, slots, code });
  }

  #of(dagId: string): Counts {
    const counts = this.#counts.get(dagId) ?? { dagId, events: 0, withRun: 0, filtered: 0, repeated: 0, notSubscribed: 0 };
    this.#counts.set(dagId, counts);
    return counts;
  }
}

async function findFull(items: readonly ReplayItem[], { definitions, pendingOf }: ReplayEventsParts): Promise<EventReplayPage["full"]> {
  const full: { dagId: string; events: number; isPaused: boolean }[] = [];
  const wanted = new Set(items.map(({ dag }) => dag));
  for (const { id, dagId, isPaused } of definitions.dags.values()) {
    const events = wanted.has(id) ? await pendingOf(id) : 0;
    if (events >= MAX_PENDING) full.push({ dagId, events, isPaused });
  }
  return full;
}

async function commit(plan: ReplayPlan, replayId: number, { committer }: ReplayEventsParts): Promise<void> {
  for (let at = 0; at < plan.items.length; at += ITEMS_PER_COMMIT) {
    const items = plan.items.slice(at, at + ITEMS_PER_COMMIT);
    const { isAdded } = await committer.replayEvents({ replayId, items });
    items.forEach((item, index) => isAdded[index] || plan.countRepeated(item));
  }
}
