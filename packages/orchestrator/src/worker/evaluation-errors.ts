/** What can be wrong with a DAG file that is seen only while it is evaluated, with what to do about it. */
export const EVALUATION_ERRORS = {
  IMPORT_THREW: "the file must import without failing: do work, and look for what may be missing, inside tasks",
  NOT_ALLOWED: "do this inside a task",
  EXPORT_NOT_A_DAG: "export what defineDag returned, not a copy of it",
  NOT_JSON: "give strings, numbers, booleans, lists and objects",
} as const satisfies Record<string, string>;
