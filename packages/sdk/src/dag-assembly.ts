import { assetDefinition } from "./asset.ts";
import type { AssetDefinition, TaskDefinition, TaskFunction } from "./definition.ts";
import { DefinitionError, notYetSupported } from "./definition-error.ts";
import { checkId, checkOption, checkOptions, isRecord, quote } from "./option-check.ts";
import type { TaskOptions, TaskRef } from "./task.ts";
import { isContextField } from "./task-context.ts";
import { resolveSettings, SETTINGS, SETTINGS_NOT_YET, type ResolvedSettings } from "./task-settings.ts";

type AnyTaskOptions = TaskOptions<Readonly<Record<string, TaskRef>>, any, string>;

const OPTIONS = [...SETTINGS, "needs", "after", "triggerRule", "outlets", "inlets"] satisfies (keyof AnyTaskOptions)[];
const NOT_YET = [...SETTINGS_NOT_YET, "teardownOf"] satisfies (keyof AnyTaskOptions)[];

/** To which DAG a task value belongs, over all DAGs of the process: for the message when it is used in another. */
const dagOfTask = new WeakMap<object, string>();

/** The tasks of one DAG while its callback runs. */
export class DagAssembly {
  readonly #dagId: string;
  readonly #defaults: ResolvedSettings;
  readonly #tasks: TaskDefinition[] = [];
  readonly #indexes = new Map<object, number>();
  #isOpen = true;

  constructor(dagId: string, defaults: ResolvedSettings) {
    this.#dagId = dagId;
    this.#defaults = defaults;
  }

  /** @throws {DefinitionError} */
  add(id: string, options: AnyTaskOptions, run: TaskFunction): TaskRef {
    const what = `task '${checkId(`dag '${this.#dagId}': task`, id)}'`;
    if (!this.#isOpen) throw new DefinitionError("BAD_OPTION", `${what}: tasks can only be made while the callback of defineDag runs`);
    if (this.#tasks.some((task) => task.id === id)) {
      throw new DefinitionError("DUPLICATE_TASK", `dag '${this.#dagId}' has two tasks with the id '${id}'`);
    }
    checkOption(`${what}: its function`, typeof run === "function", "a function", run);
    this.#tasks.push(this.#define(what, id, options, run));
    const ref = { kind: "task", id } as TaskRef;
    this.#indexes.set(ref, this.#tasks.length - 1);
    dagOfTask.set(ref, this.#dagId);
    return ref;
  }

  /** Ends the making of tasks. `result` is what the callback returned. */
  close(result: unknown): { readonly tasks: readonly TaskDefinition[]; readonly resultTask: number | null } {
    this.#isOpen = false;
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function") {
      throw new DefinitionError("ASYNC_BUILD", `dag '${this.#dagId}': the callback returned a promise`);
    }
    if (this.#tasks.length === 0) throw new DefinitionError("NO_TASKS", `dag '${this.#dagId}' has no tasks`);
    const resultTask = result === undefined ? null : this.#indexOf(`dag '${this.#dagId}': the task returned by the callback`, result);
    return { tasks: this.#tasks, resultTask };
  }

  #define(what: string, id: string, options: AnyTaskOptions, run: TaskFunction): TaskDefinition {
    checkOptions(what, options, OPTIONS, NOT_YET);
    checkTriggerRule(what, options.triggerRule);
    const needs = this.#needs(what, options.needs ?? {});
    const needed = new Set(needs.map(({ task }) => task));
    return {
      id,
      needs,
      after: this.#after(what, options.after ?? []).filter((task) => !needed.has(task)),
      ...resolveSettings(what, options, this.#defaults),
      outlets: assetsOf(`${what}: outlets`, options.outlets),
      inlets: assetsOf(`${what}: inlets`, options.inlets),
      run,
    };
  }

  #needs(what: string, needs: unknown): TaskDefinition["needs"] {
    checkOption(`${what}: needs`, isRecord(needs), "an object of tasks, as in { score }", needs);
    return Object.entries(needs as Record<string, unknown>).map(([name, ref]) => {
      if (isContextField(name)) {
        throw new DefinitionError("RESERVED_NEED", `${what}: '${name}' is a context field: give this need another name`);
      }
      return { name, task: this.#indexOf(`${what}: need '${name}'`, ref) };
    });
  }

  #after(what: string, after: unknown): readonly number[] {
    checkOption(`${what}: after`, Array.isArray(after), "a list of tasks", after);
    return [...new Set((after as unknown[]).map((ref) => this.#indexOf(`${what}: after`, ref)))];
  }

  #indexOf(what: string, ref: unknown): number {
    const index = this.#indexes.get(ref as object);
    if (index !== undefined) return index;
    const owner = typeof ref === "object" && ref !== null ? dagOfTask.get(ref) : undefined;
    if (owner === undefined)
      throw new DefinitionError("BAD_OPTION", `${what}: expected a task, got ${quote(ref)}`, "give what dag.task returned");
    throw new DefinitionError("FOREIGN_TASK", `${what} is task '${(ref as TaskRef).id}' of dag '${owner}', not of '${this.#dagId}'`);
  }
}

function checkTriggerRule(what: string, rule: string | undefined): void {
  if (rule !== undefined && rule !== "all_success") notYetSupported(`${what}: trigger rule '${rule}'`);
}

function assetsOf(what: string, assets: unknown): readonly AssetDefinition[] {
  checkOption(what, assets === undefined || Array.isArray(assets), "a list of assets", assets);
  return ((assets ?? []) as unknown[]).map((asset) => assetDefinition(what, asset));
}
