/** What can be wrong in a DAG file, with what to do about it. The loader shows these as import errors. */
export const DEFINITION_ERRORS = {
  NOT_YET_SUPPORTED: "leave it out: in this version a DAG runs for every event of one asset, or by hand, and has plain tasks",
  BAD_NAME: "use letters, digits, '_', '-' and '.', at most 250 characters",
  BAD_OPTION: "see the options of the function that the message names",
  BAD_DURATION: "write a number and a unit, as in '500ms', '30s', '10m', '1h30m', '2d'",
  DUPLICATE_TASK: "give one of the two tasks another id",
  FOREIGN_TASK: "a task can only need tasks made by the same callback's `dag`",
  RESERVED_NEED: "give this need another name",
  ASYNC_BUILD: "make the callback synchronous; use `await` inside the tasks",
  NO_TASKS: 'add one with `dag.task("id", () => …)`',
} as const satisfies Record<string, string>;

export type DefinitionErrorCode = keyof typeof DEFINITION_ERRORS;

/** A definition that cannot be loaded. Thrown where the definition is made, so its stack names the author's line. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
  readonly code: DefinitionErrorCode;
  readonly hint: string;
  constructor(code: DefinitionErrorCode, message: string, hint: string = DEFINITION_ERRORS[code]) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** @throws {DefinitionError} NOT_YET_SUPPORTED, always. */
export function notYetSupported(what: string): never {
  throw new DefinitionError("NOT_YET_SUPPORTED", `${what} is not supported by this version of Millrace yet`);
}
