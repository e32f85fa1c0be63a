/** What a schema says about a value: the value as the schema gives it out, or what is wrong with it. */
export type SchemaResult<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The part of Standard Schema that Millrace reads; schemas of zod 4.2 and later fit as they are. `Input` is the value
 * as it lies on the queue, `Output` what `validate` makes of it and tasks get.
 */
export interface Schema<Output = unknown, Input = Output> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** Needed at load: a schema that lacks it is an import error. */
    readonly jsonSchema?: { readonly input: (options: { readonly target: "draft-2020-12" }) => Record<string, unknown> } | undefined;
  };
}

export type Infer<S> = S extends Schema<infer Output, any> ? Output : never;

/** Vendor of the schemas that `unchecked` makes: the loader stores no JSON Schema for them. */
export const UNCHECKED_VENDOR = "millrace";

/** A type without a check, for payloads nobody has described yet. */
export function unchecked<T>(): Schema<T> {
  return { "~standard": { version: 1, vendor: UNCHECKED_VENDOR, validate: (value) => ({ value: value as T }) } };
}

function pathOf(issue: SchemaIssue): string {
  return (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

/** What is wrong, as one line: `celsius: expected number, received string; sensor: …`. */
export function describeIssues(issues: readonly SchemaIssue[]): string {
  return issues.map((issue) => [pathOf(issue), issue.message].filter(Boolean).join(": ")).join("; ");
}
