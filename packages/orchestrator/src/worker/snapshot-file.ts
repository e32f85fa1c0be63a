import {
  type DefinitionError,
  findDefinition,
  UNCHECKED_VENDOR,
  type AssetDefinition,
  type DagDefinition,
  type Definition,
  type DestinationDefinition,
  type TaskDefinition,
} from "@millrace/sdk/internal";
import type { AssetSnapshot, DagSnapshot, DestinationSnapshot, JsonSchema, TaskSnapshot } from "../domain/dag-snapshot.ts";
import type { EvaluatedFile } from "../domain/evaluation.ts";
import { defaultMaxActiveRuns } from "../domain/pattern-parts.ts";
import { EVALUATION_ERRORS } from "./evaluation-errors.ts";

import { assetsOfPattern } from "./pattern-assets.ts";
import { snapshotPattern } from "./snapshot-pattern.ts";

type AnySchema = NonNullable<AssetDefinition["schema"]>;

type SnapshotErrorCode = "EXPORT_NOT_A_DAG" | "NOT_JSON" | "NO_JSON_SCHEMA";

/** A definition that cannot become a snapshot; `site` says where it was made. */
export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
  readonly code: SnapshotErrorCode;
  readonly hint: string;
  readonly site: string;
  constructor(code: SnapshotErrorCode, message: string, hint: string, site: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    this.site = site;
  }
}

/**
 * What an imported DAG file defines, as data. `made` is every definition made while it was imported.
 * @throws {SnapshotError} NO_JSON_SCHEMA, NOT_JSON, EXPORT_NOT_A_DAG
 */
export function snapshotFile(exports: Readonly<Record<string, unknown>>, made: readonly Definition[]): EvaluatedFile {
  const exported = Object.entries(exports).flatMap(([name, value]) => exportedDefinition(name, value));
  const dags = new Set(exported.filter((definition) => definition.kind === "dag"));
  const assets = new Set(exported.filter((definition) => definition.kind === "asset"));
  for (const dag of dags) for (const asset of assetsOfDag(dag)) assets.add(asset);
  return {
    dags: [...dags].map((dag) => ({ snapshot: snapshotDag(dag), site: dag.site })),
    strayDags: made.flatMap((one) => (one.kind === "dag" && !dags.has(one) ? [{ dagId: one.dagId, site: one.site }] : [])),
    assets: [...assets].map((asset) => ({ snapshot: snapshotAsset(asset), site: asset.site })),
    triggerKinds: made.flatMap((one) => (one.kind === "trigger" ? [{ snapshot: one.triggerKind, site: one.site }] : [])),
    destinations: made.flatMap((one) => (one.kind === "destination" ? [{ snapshot: snapshotDestination(one), site: one.site }] : [])),
  };
}

function exportedDefinition(name: string, value: unknown): Definition[] {
  const definition = findDefinition(value);
  if (definition !== undefined) return [definition];
  const kind = (value as { kind?: unknown } | null | undefined)?.kind;
  const isPromise = typeof (value as { then?: unknown } | null | undefined)?.then === "function";
  if (kind !== "dag" && !isPromise) return [];
  const got = isPromise ? "a promise" : "an object that only looks like a DAG";
  const hint = isPromise ? "export what the promise gives: `export default await …`" : EVALUATION_ERRORS.EXPORT_NOT_A_DAG;
  throw new SnapshotError("EXPORT_NOT_A_DAG", `export '${name}': expected a DAG made with defineDag, got ${got}`, hint, "");
}

function assetsOfDag(dag: DagDefinition): AssetDefinition[] {
  return [...assetsOfPattern(dag.schedule), ...dag.tasks.flatMap((task) => [...task.outlets, ...task.inlets])];
}

function snapshotDag(dag: DagDefinition): DagSnapshot {
  const schedule = snapshotPattern(dag.schedule);
  return {
    dagId: dag.dagId,
    description: dag.description,
    tags: [...dag.tags],
    schedule,
    maxActiveRuns: dag.maxActiveRuns ?? defaultMaxActiveRuns(schedule),
    ...(dag.retention !== null && { retention: dag.retention }),
    paramsSchema: snapshotSchema(`dag '${dag.dagId}': params`, dag.params, dag.site),
    tasks: dag.tasks.map(snapshotTask),
    resultTask: dag.resultTask,
  };
}

function snapshotTask(task: TaskDefinition): TaskSnapshot {
  return {
    id: task.id,
    needs: task.needs,
    after: task.after,
    retries: task.retries,
    retryDelayMs: task.retryDelayMs,
    timeoutMs: task.timeoutMs,
    isolation: task.isolation,
    outlets: [...new Set(task.outlets.map((asset) => asset.name))],
    inlets: [...new Set(task.inlets.map((asset) => asset.name))],
  };
}

function snapshotAsset(asset: AssetDefinition): AssetSnapshot {
  const what = `asset '${asset.name}'`;
  return {
    name: asset.name,
    uri: asset.uri,
    group: asset.group,
    description: asset.description,
    extra: asJson(`${what}: extra`, asset.extra, asset.site),
    schema: snapshotSchema(`${what}: schema`, asset.schema, asset.site),
    watchers: asset.watchers.map(({ name, triggers, unwrap, where, payload }) => ({
      name,
      triggers: triggers.map(({ kind, connection, params, source }) => ({
        kind,
        connection,
        params: asJson(`${what}: watcher '${name}'`, params, asset.site),
        ...(source !== undefined && { source }),
      })),
      unwrap,
      where,
      payload,
    })),
  };
}

function snapshotDestination(destination: DestinationDefinition): DestinationSnapshot {
  const { destinationKind, connection, params, site } = destination;
  return { kind: destinationKind, connection, params: asJson(`a destination of kind '${destinationKind}'`, params, site) };
}

function asJson(what: string, value: object, site: string): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
  } catch (cause) {
    const message = `${what}: expected plain JSON, got a value that JSON cannot hold: ${(cause as Error).message}`;
    throw new SnapshotError("NOT_JSON", message, EVALUATION_ERRORS.NOT_JSON, site, { cause });
  }
}

function snapshotSchema(what: string, schema: AnySchema | null, site: string): JsonSchema | null {
  const standard = schema?.["~standard"];
  if (standard === undefined || standard.vendor === UNCHECKED_VENDOR) return null;
  const hint = "use a schema of zod 4.2 or later (or another Standard Schema with `~standard.jsonSchema`), of types that JSON has";
  if (standard.jsonSchema === undefined) {
    throw new SnapshotError(
      "NO_JSON_SCHEMA",
      `${what}: expected a schema that gives JSON Schema, got one of '${standard.vendor}' that does not`,
      hint,
      site,
    );
  }
  try {
    return asJson(what, standard.jsonSchema.input({ target: "draft-2020-12" }), site);
  } catch (cause) {
    throw new SnapshotError("NO_JSON_SCHEMA", `${what} cannot be given as JSON Schema: ${(cause as Error).message}`, hint, site, { cause });
  }
}

/** An error of the SDK or of `snapshotFile`, with what the loader shows of it. */
export function isDescribed(error: unknown): error is (DefinitionError | SnapshotError) & { readonly hint: string } {
  const name = (error as { name?: unknown } | null)?.name;
  return name === "DefinitionError" || name === "SnapshotError";
}
