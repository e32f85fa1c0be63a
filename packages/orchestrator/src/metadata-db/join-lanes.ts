import type { Committer } from "../domain/committer.ts";

/**
 * Where a commit is waited for without blocking, messages do not wait behind the results of tasks, nor these behind messages:
 * two commits are under way at a time. All steps of a run are in one lane, and so in order; a source's messages in the other.
 */
export function joinLanes(messages: Committer, steps: Committer): Committer {
  return {
    ingest: (unit) => messages.ingest(unit),
    startPositions: (source, starts) => messages.startPositions(source, starts),
    write: (writes) => steps.write(writes),
    create: (run) => steps.create(run),
    createEvent: (event) => steps.createEvent(event),
    fold: (writes) => steps.fold(writes),
    recordOutbox: (outcomes) => steps.recordOutbox(outcomes),
    replayDeadLetter: (replay) => steps.replayDeadLetter(replay),
    replayEvents: (replay) => steps.replayEvents(replay),
    discardDeadLetters: (ids) => steps.discardDeadLetters(ids),
    purge: (step) => steps.purge(step),
    flush: async () => {
      await Promise.all([messages.flush(), steps.flush()]);
    },
  };
}
