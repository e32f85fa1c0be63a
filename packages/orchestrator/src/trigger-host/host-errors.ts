import { TriggerError } from "@millrace/sdk/provider";

/** docs/reference/errors.md says when each is raised. */
export const TRIGGER_HOST_ERROR_CODES = [
  "TRIGGER_FAILED",
  "TRIGGER_ENDED",
  "TRIGGER_CRASHED",
  "TRIGGER_BLOCKED",
  "TRIGGER_OUT_OF_MEMORY",
] as const;

export function hostError(code: (typeof TRIGGER_HOST_ERROR_CODES)[number], message: string): TriggerError {
  return new TriggerError(code, message);
}
