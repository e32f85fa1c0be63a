import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { DagVersionSchema, toDagVersion } from "../resources/dag-version-resource.ts";
import { TaskSchema, toTask } from "../resources/task-resource.ts";
import { getDag } from "./found.ts";
import { pageOf, pageQuery, queryObject, readPage } from "./query.ts";

const DagPath = Type.Object({ dag_id: Type.String() });
const VersionCollection = Type.Object({ dag_versions: Type.Array(DagVersionSchema), total_entries: Type.Integer() });

export function dagVersionRoutes(app: ApiServer, { reads }: ApiContext): void {
  const tags = ["DagVersion"];
  const list = {
    tags,
    summary: "The versions of a DAG",
    params: DagPath,
    querystring: queryObject({ ...pageQuery, version_number: Type.Optional(Type.Integer()), bundle_version: Type.Optional(Type.String()) }),
    response: { 200: VersionCollection },
  };
  app.get("/api/v2/dags/:dag_id/dagVersions", { schema: list }, async ({ params, query }) => {
    const all = await reads.dags.versions(await getDag(reads, params.dag_id));
    const found = all.filter(
      ({ number, bundleHash }) =>
        (query.version_number === undefined || query.version_number === number) &&
        (query.bundle_version === undefined || query.bundle_version === bundleHash),
    );
    const rows = pageOf(found, readPage(query, ["id", "version_number"]));
    return { dag_versions: rows.map(toDagVersion), total_entries: found.length };
  });
  const one = {
    tags,
    summary: "One version of a DAG",
    params: Type.Object({ ...DagPath.properties, version_number: Type.Integer({ minimum: 1 }) }),
    response: { 200: DagVersionSchema },
  };
  app.get("/api/v2/dags/:dag_id/dagVersions/:version_number", { schema: one }, async ({ params }) => {
    const versions = await reads.dags.versions(await getDag(reads, params.dag_id));
    const version = versions.find(({ number }) => number === params.version_number);
    if (version !== undefined) return toDagVersion(version);
    throw new MillraceError("NOT_FOUND", `DAG '${params.dag_id}' has no version ${params.version_number}`, {
      hint: `it has ${versions.map(({ number }) => number).join(", ")}`,
    });
  });
  taskRoute(app, { reads });
}

function taskRoute(app: ApiServer, { reads }: Pick<ApiContext, "reads">): void {
  const schema = {
    tags: ["Task"],
    summary: "One task of a DAG",
    params: Type.Object({ ...DagPath.properties, task_id: Type.String() }),
    response: { 200: TaskSchema },
  };
  app.get("/api/v2/dags/:dag_id/tasks/:task_id", { schema }, async ({ params }): Promise<Static<typeof TaskSchema>> => {
    const { snapshot } = (await getDag(reads, params.dag_id)).version;
    const index = snapshot.tasks.findIndex(({ id }) => id === params.task_id);
    if (index >= 0) return toTask(snapshot, snapshot.tasks[index]!, index);
    throw new MillraceError("TASK_NOT_FOUND", `DAG '${params.dag_id}' has no task '${params.task_id}'`, {
      hint: `its tasks are ${snapshot.tasks.map(({ id }) => id).join(", ")}`,
    });
  });
}
