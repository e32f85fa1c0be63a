/** What one asset event did for one DAG. Stored codes: never reuse a number. */
export const DECISION_CODES = {
  run: 1,
  inbox: 2,
  filtered: 3,
  filter_error: 4,
  held: 5,
  no_subscriber: 6,
  /** It waited in the inbox, and was given up by command. */
  dropped: 7,
} as const;
export type DecisionName = keyof typeof DECISION_CODES;
export type DecisionCode = (typeof DECISION_CODES)[DecisionName];

/** `asset_event.decisions` is a JSON array of these. `runOrdinal` names the run made in the same commit (ids.ts). */
export type StoredDecision = readonly [dagVersionId: number, code: DecisionCode, runOrdinal: number | null, reason?: string];

const names = new Map<number, DecisionName>(Object.entries(DECISION_CODES).map(([name, code]) => [code, name as DecisionName]));

export function decisionName(code: number): DecisionName {
  const name = names.get(code);
  if (name === undefined) throw new Error(`decision code ${code} is not known to this version of Millrace`);
  return name;
}
