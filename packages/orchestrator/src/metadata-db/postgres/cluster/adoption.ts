import type { ClusterListener } from "../../../domain/cluster.ts";
import type { Log } from "../../../domain/log.ts";
import type { OutboxMessageTable } from "../../../domain/tables.ts";
import type { Script, SqlRunner } from "../../sql-script.ts";
import { toOutboxMessage } from "../../stores/outbox-store.ts";
import { type AdoptedRuns, ADOPTION_PAGE, adoptMessages, adoptRuns, deadOwners, ownedMessages } from "./adoption-table.ts";

export interface AdoptionOptions {
  readonly runner: SqlRunner;
  readonly processId: number;
  readonly log: Log;
  readonly listener: Pick<ClusterListener, "onAdoptedRuns" | "onAdoptedMessages" | "onSweep">;
  /** False once this process takes nothing more. */
  readonly isActive: () => boolean;
}

/**
 * Takes over, page by page, what dead processes leave. A page whose commit was not answered may be this process's
 * all the same: the next round looks for it.
 */
export class Adoption {
  readonly #options: AdoptionOptions;
  #doubtfulRuns: number | null = null;
  #doubtfulMessages: readonly OutboxMessageTable[] = [];
  #isRelaying = false;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  async tick(): Promise<void> {
    const { runner, log, listener } = this.#options;
    if (this.#doubtfulRuns !== null) listener.onSweep(this.#doubtfulRuns);
    this.#doubtfulRuns = null;
    const dead = await runner.run(() => deadOwners());
    for (const deadId of dead) {
      const count = await this.#adoptRuns(deadId);
      if (count > 0) log.info("unfinished runs of a dead process were adopted", { process: deadId, runs: count });
    }
    // Where a destination is down there is no room for its messages: that must not keep this process from beating.
    if (dead.length > 0 || this.#doubtfulMessages.length > 0) void this.#relay(dead);
  }

  async #adoptRuns(deadId: number): Promise<number> {
    const { runner, processId, listener, isActive } = this.#options;
    let count = 0;
    for (let page = ADOPTION_PAGE; page === ADOPTION_PAGE && isActive();) {
      let first: number | null = null;
      const noting = function* (): Script<AdoptedRuns> {
        const found = yield* adoptRuns(processId, deadId);
        first = found.runs.length === 0 ? null : Math.min(...found.runs.map(({ fromRun }) => fromRun));
        return found;
      };
      const found = await runner.transaction(noting).catch((error: unknown) => {
        this.#doubtfulRuns = first;
        throw error;
      });
      page = found.count;
      count += page;
      if (page > 0) listener.onAdoptedRuns(found.runs);
    }
    return count;
  }

  async #relay(dead: readonly number[]): Promise<void> {
    if (this.#isRelaying) return;
    this.#isRelaying = true;
    try {
      await this.#relayDoubtful();
      for (const deadId of dead) await this.#adoptMessages(deadId);
    } catch (error) {
      this.#options.log.debug("messages of a dead process could not be adopted; it is tried again", { error });
    } finally {
      this.#isRelaying = false;
    }
  }

  async #relayDoubtful(): Promise<void> {
    const { runner, processId, listener } = this.#options;
    if (this.#doubtfulMessages.length === 0) return;
    const ids = this.#doubtfulMessages.map(({ id }) => id);
    const mine = await runner.run(() => ownedMessages(processId, ids));
    this.#doubtfulMessages = [];
    await listener.onAdoptedMessages(mine.map(toOutboxMessage));
  }

  async #adoptMessages(deadId: number): Promise<void> {
    const { runner, processId, listener, isActive } = this.#options;
    for (let page = ADOPTION_PAGE; page === ADOPTION_PAGE && isActive();) {
      let noted: readonly OutboxMessageTable[] = [];
      const noting = function* (): Script<readonly OutboxMessageTable[]> {
        return (noted = yield* adoptMessages(processId, deadId));
      };
      const messages = await runner.transaction(noting).catch((error: unknown) => {
        this.#doubtfulMessages = noted;
        throw error;
      });
      page = messages.length;
      if (page > 0) await listener.onAdoptedMessages(messages.map(toOutboxMessage));
    }
  }
}
