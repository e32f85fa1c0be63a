import { type Static, Type } from "typebox";
import type { ProcessView, TriggerStatus } from "../../domain/process-status.ts";
import { toNullableInstant } from "./instant.ts";
import { NullableInstant, NullableInteger, NullableText } from "./nullable.ts";

/** A trigger in all the processes that have it open. */
export const TriggerStatusSchema = Type.Object({
  state: Type.String(),
  /** There has been no room for its messages since then; null where it is not paused. */
  paused_since: NullableInstant,
  /** Why it is paused: what it waits for, a sentence each. */
  waits_for: Type.Array(Type.String()),
  /** null again once it runs; that messages were lost (POSITION_GAP) is shown on. */
  last_error: NullableText,
  last_message_at: NullableInstant,
  reconnects: Type.Integer(),
  messages: Type.Integer(),
  /** Of them, those that their source gave no identity: taken at least once. */
  messages_without_identity: Type.Integer(),
  /** Messages that wait in the broker; null where it does not tell. */
  lag: NullableInteger,
  /** Ids of the processes that have it open. */
  processes: Type.Array(Type.Integer()),
});

/** What is worth knowing first, where processes differ. */
const STATES: readonly TriggerStatus["state"][] = ["failing", "reconnecting", "paused", "connecting", "stopped", "streaming"];
const NO_SCHEDULER = "no scheduler is running on this metadata DB";

/** null where no process has it open. */
export function toTriggerStatus(triggerId: number, processes: readonly ProcessView[]): Static<typeof TriggerStatusSchema> | null {
  const open = processes.flatMap(({ id, status }) => {
    const trigger = status?.triggers.find((one) => one.triggerId === triggerId);
    return trigger === undefined ? [] : [{ id, trigger }];
  });
  if (open.length === 0) return null;
  const triggers = open.map(({ trigger }) => trigger);
  const sum = (field: "reconnects" | "messages" | "withoutIdentity"): number => triggers.reduce((total, one) => total + one[field], 0);
  const pausedAt = leastOf(triggers.map((one) => one.pausedAt));
  return {
    state: STATES.find((state) => triggers.some((one) => one.state === state)) ?? "streaming",
    paused_since: toNullableInstant(pausedAt),
    waits_for: pausedAt === null ? [] : reasonsOf(triggerId, processes),
    last_error: triggers.find(({ lastError }) => lastError !== null)?.lastError ?? null,
    last_message_at: toNullableInstant(greatestOf(triggers.map(({ lastMessageAt }) => lastMessageAt))),
    reconnects: sum("reconnects"),
    messages: sum("messages"),
    messages_without_identity: sum("withoutIdentity"),
    lag: greatestOf(triggers.map(({ lag }) => lag)),
    processes: open.map(({ id }) => id),
  };
}

function reasonsOf(triggerId: number, processes: readonly ProcessView[]): string[] {
  if (!processes.some(({ roles }) => roles.includes("scheduler"))) return [NO_SCHEDULER];
  return processes.flatMap(({ status }) => status?.full.find((one) => one.triggerId === triggerId)?.reasons ?? []);
}

function leastOf(instants: readonly (number | null)[]): number | null {
  const known = instants.filter((one) => one !== null);
  return known.length === 0 ? null : Math.min(...known);
}

function greatestOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((one) => one !== null);
  return known.length === 0 ? null : Math.max(...known);
}
