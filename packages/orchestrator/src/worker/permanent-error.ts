/** A try that another one would not mend: its input does not fit, its output is not what was declared. */
export class PermanentError extends Error {
  override readonly name = "PermanentError";
}
