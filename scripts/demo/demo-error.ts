/** Why the demo cannot go on: one sentence with what was got, and what to do. */
export class DemoError extends Error {
  override readonly name = "DemoError";
  readonly hint: string;
  /** 2: wrong options, 1: anything else. */
  readonly exitCode: 1 | 2;

  constructor(message: string, hint: string, options: { readonly exitCode?: 2; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.hint = hint;
    this.exitCode = options.exitCode ?? 1;
  }
}
