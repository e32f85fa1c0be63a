import { attachDefinition, callSite } from "./definition.ts";
import { DefinitionError } from "./definition-error.ts";
import { checkOption, checkOptions, quote } from "./option-check.ts";
import type { Connection } from "./provider.ts";
import { describeIssues, type Schema } from "./schema.ts";
import type { Logger } from "./task-context.ts";
import type { EventTrigger, Trigger } from "./trigger.ts";

/** What a trigger of one's own yields. */
export interface TriggerEvent<Cursor = unknown> {
  /** JSON. The asset's schema checks it, as it would a message from a queue. */
  readonly payload: unknown;
  /** Who the event is: a second one with this id makes no second asset event. Without it the event is taken at least once. */
  readonly id?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly sentAt?: Date;
  /** Where to go on: stored with the event, in one commit, and given to `run` at the next start. JSON. */
  readonly cursor?: Cursor;
}

export interface TriggerContext<Params, Cursor> {
  readonly params: Params;
  /** The newest that was stored; undefined at the first start, or where none was given. */
  readonly cursor: Cursor | undefined;
  /** Aborted when the trigger is to stop. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** @throws {Error} for a connection that is not set */
  readonly connection: (id: string) => Promise<Connection>;
  /** @throws {Error} for a variable that is not set */
  readonly variable: (key: string) => Promise<string>;
}

type Events<Cursor> = TriggerEvent<Cursor> | readonly TriggerEvent<Cursor>[];

export interface TriggerDefinitionOptions<Params, RawParams, Cursor, Purpose extends "events" | "deferral"> {
  /** A name of your own with a dot in it, such as `acme.orders`. */
  readonly kind: string;
  /** Without it the trigger takes no params. Must check without waiting. */
  readonly params?: Schema<Params, RawParams>;
  /** Checks and types the cursor. */
  readonly cursor?: Schema<Cursor>;
  /** `deferral`: a task can wait for it, but no watcher can. */
  readonly for?: Purpose;
  /**
   * Names what is read, as the params say: ids and cursor belong to it. By default all params, so that any edit of them
   * begins anew; name what matters (`(params) => params.url`), and an edit of the rest does not.
   */
  readonly source?: (params: Params) => string;
  /**
   * Runs in a process of its own until `signal` is aborted. `yield` returns once what it gave is stored, so what
   * follows can acknowledge it. An error, or an end before that, starts it again after a backoff.
   */
  readonly run: (context: TriggerContext<Params, Cursor>) => AsyncIterable<Events<Cursor>>;
}

type Made<Purpose> = Purpose extends "deferral" ? Trigger & { readonly for: "deferral" } : EventTrigger;

const OPTIONS = ["kind", "params", "cursor", "for", "source", "run"] as const;
const KIND = /^[a-zA-Z][\w-]*(?:\.[\w-]+)+$/;

/**
 * A trigger of one's own. Gives the function that makes one of it for a watcher, from params.
 * @throws {DefinitionError} BAD_NAME, BAD_OPTION
 */
export function defineTrigger<Params = {}, RawParams = Params, Cursor = unknown, const Purpose extends "events" | "deferral" = "events">(
  options: TriggerDefinitionOptions<Params, RawParams, Cursor, Purpose>,
): (...params: {} extends RawParams ? [params?: RawParams] : [params: RawParams]) => Made<Purpose> {
  const { kind, params: schema, cursor, for: purpose, source, run } = checkedOptions(options);
  const make = (raw: unknown = {}): Made<Purpose> => {
    const params = parsedParams(kind, schema, raw);
    const trigger = { kind, connection: "", params: raw as object, ...(source && { source: source(params) }) };
    return (purpose === "deferral" ? { ...trigger, for: purpose } : trigger) as Made<Purpose>;
  };
  return attachDefinition(make, {
    kind: "trigger",
    triggerKind: kind,
    params: schema ?? null,
    cursor: cursor ?? null,
    source: (source as ((params: unknown) => string) | undefined) ?? null,
    run: run as (context: object) => AsyncIterable<unknown>,
    site: callSite(),
  });
}

function checkedOptions<
  Options extends { readonly kind: string; readonly run: unknown; readonly source?: unknown; readonly for?: unknown },
>(options: Options): Options {
  checkOptions("defineTrigger", options, OPTIONS, []);
  const { kind, run, source, for: purpose } = options;
  if (typeof kind !== "string" || !KIND.test(kind)) {
    const hint = "the part before the dot is yours: it keeps your kinds apart from those of providers";
    throw new DefinitionError(
      "BAD_NAME",
      `defineTrigger: expected a kind with a dot in it, such as 'acme.orders', got ${quote(kind)}`,
      hint,
    );
  }
  checkOption(`defineTrigger '${kind}': option 'run'`, typeof run === "function", "an async generator function", run);
  checkOption(`defineTrigger '${kind}': option 'source'`, source === undefined || typeof source === "function", "a function", source);
  const isPurpose = purpose === undefined || purpose === "events" || purpose === "deferral";
  checkOption(`defineTrigger '${kind}': option 'for'`, isPurpose, '"events" or "deferral"', purpose);
  return options;
}

function parsedParams<Params, RawParams>(kind: string, schema: Schema<Params, RawParams> | undefined, raw: unknown): Params {
  const isRecord = typeof raw === "object" && raw !== null && !Array.isArray(raw);
  checkOption(`trigger '${kind}'`, isRecord, "an object of params", raw);
  if (schema === undefined) {
    checkOption(`trigger '${kind}'`, Object.keys(raw as object).length === 0, "no params", raw);
    return raw as Params;
  }
  const result = schema["~standard"].validate(raw);
  if (result instanceof Promise) {
    throw new DefinitionError(
      "BAD_OPTION",
      `trigger '${kind}': its params' schema waits for something`,
      "use a schema that checks at once",
    );
  }
  if (result.issues !== undefined) {
    throw new DefinitionError("BAD_OPTION", `trigger '${kind}': its params do not fit: ${describeIssues(result.issues)}`);
  }
  return result.value;
}
