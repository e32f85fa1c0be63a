import { checkPredicate } from "../domain/cel.ts";
import type { ImportError, LoadedFile, LoadPass } from "../domain/dag-folder.ts";
import type { AssetSnapshot, DagSnapshot, JsonSchema } from "../domain/dag-snapshot.ts";
import type { EvaluatedFile, Sited } from "../domain/evaluation.ts";
import { compileSchema } from "../domain/json-schema.ts";
import { partsOf, slotsOf } from "../domain/pattern-parts.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import { checkCron } from "../domain/time-pattern.ts";
import { AssetRegistry } from "./asset-registry.ts";
import type { Bundle } from "./bundle-dag-file.ts";
import { checkDestination, checkTriggers, QueueRegistry } from "./check-provider-kinds.ts";
import { checkWatchers } from "./check-watchers.ts";
import type { DagFile } from "./find-dag-files.ts";
import { problem, type Problem } from "./import-error.ts";
import { resolveQueues } from "./resolve-queues.ts";
import { TriggerKindRegistry } from "./trigger-kind-registry.ts";
import { remembered } from "./remembered.ts";
import { whereHint } from "./where-hint.ts";

/** A file that evaluated well, before it is held against the others. */
export interface EvaluatedDagFile {
  readonly file: DagFile;
  readonly bundle: Bundle;
  readonly evaluated: EvaluatedFile;
}

interface DagOwner {
  readonly file: string;
  readonly made: string;
}

/** Holds every file against its providers and against the files before it; the first good one of two that collide stays. */
export function checkDefinitions(files: readonly EvaluatedDagFile[], catalog: ProviderCatalog): LoadPass {
  const check = new DefinitionCheck(catalog);
  const errors: ImportError[] = [];
  const resolved = files.flatMap((one) => {
    const result = resolveQueues(one.evaluated, catalog);
    if ("evaluated" in result) return [{ ...one, evaluated: result.evaluated }];
    errors.push({ file: one.file.file, ...result.problem, ...one.bundle.positions.place(result.site) });
    return [];
  });
  const accepted = byMaker(resolved).filter((one) => {
    const found = check.accept(one);
    if (found !== null) errors.push({ file: one.file.file, ...found });
    return found === null;
  });
  const loaded = resolved
    .filter((one) => accepted.includes(one))
    .flatMap((one) => {
      const found = check.findBadExpression(one);
      if (found !== null) errors.push({ file: one.file.file, ...found });
      return found === null ? [check.loaded(one)] : [];
    });
  return { files: loaded, errors };
}

/** Files that make the DAGs they export come before those that only pass on another file's. */
function byMaker(files: readonly EvaluatedDagFile[]): readonly EvaluatedDagFile[] {
  const passesOn = (one: EvaluatedDagFile): number =>
    one.evaluated.dags.some((dag) => one.bundle.positions.frames(dag.site).at(-1)?.path !== one.file.path) ? 1 : 0;
  return files.toSorted((a, b) => passesOn(a) - passesOn(b));
}

class DefinitionCheck {
  readonly #catalog: ProviderCatalog;
  readonly #dags = new Map<string, DagOwner>();
  readonly #assets = new AssetRegistry();
  readonly #queues = new QueueRegistry();
  readonly #triggerKinds = new TriggerKindRegistry();

  constructor(catalog: ProviderCatalog) {
    this.#catalog = catalog;
  }

  /** What is wrong with the file; where nothing is, its definitions are taken. */
  accept(one: EvaluatedDagFile): Problem | null {
    const found =
      this.#findDuplicateDag(one) ?? this.#triggerKinds.findConflict(one) ?? this.#findBadAsset(one) ?? this.#findBadDestination(one);
    if (found !== null) return found;
    this.#triggerKinds.add(one);
    for (const dag of one.evaluated.dags) {
      const { dagId } = dag.snapshot;
      if (!this.#dags.has(dagId)) this.#dags.set(dagId, { file: one.file.file, made: this.#makerOf(one, dag) });
    }
    for (const { snapshot } of one.evaluated.assets) {
      this.#assets.add(snapshot, one.file.file);
      this.#queues.add(this.#catalog, snapshot, one.file.file);
    }
    return null;
  }

  findBadExpression(one: EvaluatedDagFile): Problem | null {
    for (const { snapshot, site } of one.evaluated.dags) {
      const place = one.bundle.positions.place(site);
      for (const { source } of slotsOf(snapshot.schedule)) {
        const schema = this.#assets.get(source.asset)?.schema ?? null;
        const wrong = source.where === null ? null : findWrong(source.where, schema);
        if (wrong === null) continue;
        return problem("CEL_INVALID", `dag '${snapshot.dagId}': where '${source.where}': ${wrong}`, place, whereHint(wrong, schema));
      }
      const wrongCron = findBadCron(snapshot);
      if (wrongCron !== null) return problem("CRON_INVALID", wrongCron, place);
    }
    return null;
  }

  loaded(one: EvaluatedDagFile): LoadedFile {
    const { file, bundle, evaluated } = one;
    return {
      file: file.file,
      path: file.path,
      bundleHash: bundle.hash,
      dags: evaluated.dags.filter((dag) => this.#dags.get(dag.snapshot.dagId)?.file === file.file).map((dag) => dag.snapshot),
      assets: unique(evaluated.assets.map(({ snapshot }) => this.#assets.get(snapshot.name) ?? snapshot)),
      destinations: unique(evaluated.destinations.map(({ snapshot }) => snapshot)),
      triggerKinds: unique(evaluated.triggerKinds.map(({ snapshot }) => snapshot)),
      warnings: [...bundle.warnings, ...strayWarnings(one)],
    };
  }

  #findDuplicateDag(one: EvaluatedDagFile): Problem | null {
    const seen = new Set<string>();
    for (const dag of one.evaluated.dags) {
      const { dagId } = dag.snapshot;
      const place = one.bundle.positions.place(dag.site);
      if (seen.has(dagId)) return problem("DUPLICATE_DAG", `'${one.file.file}' defines two DAGs with the id '${dagId}'`, place);
      seen.add(dagId);
      const owner = this.#dags.get(dagId);
      if (owner === undefined || owner.made === this.#makerOf(one, dag)) continue;
      const message = `the DAG id '${dagId}' is taken: '${owner.file}' defines it, and so does '${one.file.file}'`;
      return problem("DUPLICATE_DAG", message, place);
    }
    return null;
  }

  #findBadAsset(one: EvaluatedDagFile): Problem | null {
    const assets = [new AssetRegistry(), this.#assets];
    const queues = [new QueueRegistry(), this.#queues];
    const { file } = one.file;
    const own = one.evaluated.triggerKinds.map((kind) => kind.snapshot);
    for (const { snapshot, site } of one.evaluated.assets) {
      const found =
        firstOf(assets, (registry) => registry.findConflict(snapshot, file)) ??
        findBadSchema(snapshot) ??
        firstOf(snapshot.watchers, (watcher) => checkTriggers(this.#catalog, own, snapshot.name, watcher)) ??
        checkWatchers(this.#catalog, snapshot) ??
        firstOf(queues, (registry) => registry.findConflict(this.#catalog, snapshot, file));
      if (found !== null) return { ...found, ...one.bundle.positions.place(site) };
      assets[0]?.add(snapshot, file);
      queues[0]?.add(this.#catalog, snapshot, file);
    }
    return null;
  }

  #findBadDestination(one: EvaluatedDagFile): Problem | null {
    for (const { snapshot, site } of one.evaluated.destinations) {
      const found = checkDestination(this.#catalog, snapshot);
      if (found !== null) return { ...found, ...one.bundle.positions.place(site) };
    }
    return null;
  }

  /** The places in the author's files where a DAG is made: equal for a DAG that one file makes and another passes on. */
  #makerOf(one: EvaluatedDagFile, dag: Sited<DagSnapshot>): string {
    return one.bundle.positions.place(dag.site).stack || one.file.path;
  }
}

function firstOf<Item>(items: readonly Item[], find: (item: Item) => Problem | null): Problem | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}

const findBadSchema = remembered((asset: AssetSnapshot): Problem | null => {
  if (asset.schema === null) return null;
  try {
    compileSchema(asset.schema);
    return null;
  } catch (error) {
    return problem("NO_JSON_SCHEMA", `asset '${asset.name}': its JSON Schema cannot be used: ${(error as Error).message}`);
  }
});

function findBadCron({ dagId, schedule }: DagSnapshot): string | null {
  for (const { pattern } of partsOf(schedule)) {
    const wrong = pattern.kind === "cron" ? checkCron(pattern.expression) : null;
    if (wrong !== null && pattern.kind === "cron") return `dag '${dagId}': cron '${pattern.expression}': ${wrong}`;
  }
  return null;
}

const NO_SCHEMA = {};

/** What is wrong with the expression, per schema and text. */
const expressionsOf = remembered((_schema: object) => new Map<string, string | null>());

function findWrong(where: string, schema: JsonSchema | null): string | null {
  const known = expressionsOf(schema ?? NO_SCHEMA);
  const wrong = known.has(where) ? (known.get(where) ?? null) : checkPredicate(where, schema);
  known.set(where, wrong);
  return wrong;
}

/** A DAG made in this very file, but not exported, is most likely forgotten; one made in an imported file is that file's. */
function strayWarnings({ file, bundle, evaluated }: EvaluatedDagFile): string[] {
  return evaluated.strayDags
    .filter((dag) => bundle.positions.frames(dag.site).at(-1)?.path === file.path)
    .map((dag) => `dag '${dag.dagId}' is made but not exported, so it is not loaded: write \`export\` before it`);
}

function unique<Snapshot>(snapshots: readonly Snapshot[]): Snapshot[] {
  return [...new Map(snapshots.map((snapshot) => [JSON.stringify(snapshot), snapshot])).values()];
}
