import type { ImportError } from "../domain/dag-folder.ts";

/** What can be wrong with a DAG file, beside what the SDK says of its definitions, with what to do about it. */
export const IMPORT_ERRORS = {
  FILE_UNREADABLE: "check the file's permissions",
  SYNTAX_ERROR: "correct the line that is named",
  UNRESOLVED_IMPORT: "check the path",
  IMPORT_RUNNING: "wait for it; if it never ends, look for an endless loop or a slow call outside the tasks",
  IMPORT_TIMEOUT: "look for an endless loop or a slow call outside the tasks: a DAG file only defines, tasks do the work",
  IMPORT_OUT_OF_MEMORY: "load big data inside tasks, not while the file is imported",
  IMPORT_CRASHED: "a DAG file must not end its process; look for process.exit() or a native addon that crashes",
  DUPLICATE_DAG: "give one of the two DAGs another id",
  DUPLICATE_TRIGGER: "give one of the two another kind, or define it in one file and import it from there",
  ASSET_CONFLICT: "define the asset in one file and import it from there, or name it without options elsewhere",
  TRIGGER_KIND_UNKNOWN: "install the provider package that brings it",
  DESTINATION_KIND_UNKNOWN: "install the provider package that brings it",
  BAD_TRIGGER: "give what the provider's function asks for",
  BAD_DESTINATION: "give what the provider's function asks for",
  QUEUE_SHARED: "give both watchers the same trigger, or let one asset's DAGs update the other asset",
  NO_JSON_SCHEMA: "use a schema that JSON Schema can express",
  CRON_INVALID: "write five fields: minute hour day month weekday, as in `30 6 * * mon-fri`",
  CEL_INVALID: "see docs/guides/filters.md for what an expression may use",
} as const satisfies Record<string, string>;

export type ImportErrorCode = keyof typeof IMPORT_ERRORS;

/** Where in the author's files, 1-based; null where it is not known. */
export interface Place {
  readonly line: number | null;
  readonly column: number | null;
  readonly stack: string;
}

export const NOWHERE: Place = { line: null, column: null, stack: "" };

/** An import error before it is known which file it is shown at. */
export type Problem = Omit<ImportError, "file">;

export function problem(code: ImportErrorCode, message: string, place: Place = NOWHERE, hint: string = IMPORT_ERRORS[code]): Problem {
  return { code, message, hint, line: place.line, column: place.column, stack: place.stack };
}
