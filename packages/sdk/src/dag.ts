import { checkSchema, type Asset, type AssetOptions } from "./asset.ts";
import type { Awaitable, DagBuilder } from "./dag-builder.ts";
import { DagAssembly } from "./dag-assembly.ts";
import { attachDefinition, callSite, type DagDefinition, type TaskFunction } from "./definition.ts";
import { notYetSupported } from "./definition-error.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { checkId, checkOption, checkOptions } from "./option-check.ts";
import { type InputOf, type Schedule } from "./pattern.ts";
import { patternDefinition } from "./pattern-definition.ts";
import type { Schema } from "./schema.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskRef, TaskSettings } from "./task.ts";
import { DEFAULT_SETTINGS, resolveSettings, SETTINGS, SETTINGS_NOT_YET } from "./task-settings.ts";

declare const paramsType: unique symbol;
declare const resultType: unique symbol;

/** An authored graph. Export it: what a file does not export is not loaded. */
export interface Dag<Params = unknown, Result = unknown> {
  readonly kind: "dag";
  readonly id: string;
  readonly [paramsType]?: Params | undefined;
  readonly [resultType]?: Result | undefined;
}

export interface DagOptions<S extends Schedule, P> extends TaskSettings {
  /** What the DAG waits for; without it, it runs by hand. */
  schedule?: S;
  /** What a run may be started with; defaults are filled in. */
  params?: Schema<P, any>;
  description?: string;
  tags?: readonly string[];
  /** Runs at once; more events wait. Unlimited, but 1 where the schedule is, or has, `coalesce`, `cron` or `every`. */
  maxActiveRuns?: number;
  /**
   * How long its ended runs are kept, with their tasks, values and logs: at least `1h`. Without it the server's setting holds
   * (30 days); where it is longer than that, or `forever`, neither the setting nor its number of runs applies.
   */
  retention?: Duration | "forever";
  runTimeout?: Duration;
  whilePaused?: "keep" | "drop";
}

type AnyDagOptions = DagOptions<Schedule, unknown>;
const OPTIONS = [...SETTINGS, "schedule", "params", "description", "tags", "maxActiveRuns", "retention"] satisfies (keyof AnyDagOptions)[];
const NOT_YET = [...SETTINGS_NOT_YET, "runTimeout", "whilePaused"] satisfies (keyof AnyDagOptions)[];
const BUILDERS_NOT_YET = [
  "batched",
  "map",
  "branch",
  "command",
  "approval",
  "waitForEvent",
  "triggerDag",
  "group",
] satisfies (keyof DagBuilder<unknown, unknown>)[];

/**
 * A DAG. The callback runs once, when the file is loaded, and only makes tasks; the task it returns gives the run's result.
 * @throws {DefinitionError} where the id, an option or a task is wrong
 */
export function defineDag<const S extends Schedule = null, P = {}, R extends TaskRef<any> | void = void>(
  id: string,
  options: DagOptions<S, P>,
  build: (dag: DagBuilder<InputOf<S>, P>) => R,
): Dag<P, R extends TaskRef<infer T> ? T : void> {
  const what = `dag '${checkId("defineDag", id)}'`;
  checkOptions(what, options, OPTIONS, NOT_YET);
  checkOption(`${what}: its callback`, typeof build === "function", "a function that makes the tasks", build);
  const { description, tags = [], params, maxActiveRuns = null } = options;
  checkOption(`${what}: option 'description'`, description === undefined || typeof description === "string", "a string", description);
  const isTags = Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
  checkOption(`${what}: option 'tags'`, isTags, "a list of strings", tags);
  checkSchema(`${what}: option 'params'`, params);
  const isLimit = maxActiveRuns === null || (Number.isSafeInteger(maxActiveRuns) && maxActiveRuns >= 1);
  checkOption(`${what}: option 'maxActiveRuns'`, isLimit, "a whole number of at least 1", maxActiveRuns);
  const retention = checkRetention(`${what}: option 'retention'`, options.retention);
  const schedule = patternDefinition(what, options.schedule);
  const assembly = new DagAssembly(id, resolveSettings(what, options, DEFAULT_SETTINGS));
  const { tasks, resultTask } = assembly.close(build(builderFor(assembly) as DagBuilder<InputOf<S>, P>));
  return attachDefinition<Dag>(
    { kind: "dag", id },
    {
      kind: "dag",
      dagId: id,
      description: description ?? null,
      tags,
      schedule,
      maxActiveRuns,
      retention,
      params: params ?? null,
      tasks,
      resultTask,
      site: callSite(),
    },
  ) as never;
}

/** The purge comes hourly, and what is younger may still be looked at. */
const MIN_RETENTION_MS = 3_600_000;

function checkRetention(what: string, retention: unknown): DagDefinition["retention"] {
  if (retention === undefined) return null;
  if (retention === "forever") return "forever";
  const ms = parseDuration(retention, what);
  checkOption(what, ms >= MIN_RETENTION_MS, "a duration of at least '1h', or 'forever'", retention);
  return ms;
}

function builderFor(assembly: DagAssembly): object {
  const task = (id: string, ...rest: [TaskFunction] | [object, TaskFunction]): TaskRef =>
    rest.length === 1 ? assembly.add(id, {}, rest[0]) : assembly.add(id, rest[0], rest[1]);
  const notYet = BUILDERS_NOT_YET.map((name) => [name, () => notYetSupported(`dag.${name}`)] as const);
  return { task, ...Object.fromEntries(notYet) };
}

/**
 * Airflow's @asset: a DAG of one task whose value is the asset's next event.
 * @throws {DefinitionError} NOT_YET_SUPPORTED
 */
export function defineAssetDag<const Name extends string, const S extends Schedule, Payload = unknown, RawPayload = Payload, P = {}>(
  _name: Name,
  _options: AssetOptions<Payload, RawPayload> & DagOptions<S, P>,
  _materialize: (context: TaskContext<InputOf<S>, P, {}, Asset<Name, Payload, RawPayload>>) => Awaitable<RawPayload>,
): Asset<Name, Payload, RawPayload> & { readonly dag: Dag<P, Payload> } {
  return notYetSupported("defineAssetDag");
}

/**
 * Airflow's @asset.multi: one task that updates several assets with `emit`.
 * @throws {DefinitionError} NOT_YET_SUPPORTED
 */
export function defineAssetsDag<const S extends Schedule, O extends Asset, P = {}>(
  _id: string,
  _options: DagOptions<S, P> & { outlets: readonly O[] },
  _materialize: (context: TaskContext<InputOf<S>, P, {}, O>) => Awaitable<void>,
): Dag<P, void> {
  return notYetSupported("defineAssetsDag");
}
