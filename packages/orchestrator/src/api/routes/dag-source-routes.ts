import { readFile } from "node:fs/promises";
import type { FastifyReply } from "fastify";
import { Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { NullableInteger, NullableText } from "../resources/nullable.ts";
import { getDag } from "./found.ts";
import { queryObject } from "./query.ts";

const DagSource = Type.Object({
  /** The file as it is now; null where it cannot be read, and for a version that is not the current one. */
  content: NullableText,
  dag_id: Type.String(),
  version_number: NullableInteger,
  dag_display_name: Type.String(),
});

export function dagSourceRoutes(app: ApiServer, { reads }: ApiContext): void {
  const schema = {
    tags: ["DagSource"],
    summary: "The file of a DAG, as JSON or `text/plain`",
    params: Type.Object({ dag_id: Type.String() }),
    querystring: queryObject({ version_number: Type.Optional(Type.Integer({ minimum: 1 })) }),
    response: { 200: { content: { "application/json": { schema: DagSource }, "text/plain": { schema: Type.String() } } } },
  };
  app.get("/api/v2/dagSources/:dag_id", { schema }, async ({ params, query, headers }, reply) => {
    const dag = await getDag(reads, params.dag_id);
    const number = query.version_number ?? dag.version.number;
    if (number !== dag.version.number) assertVersion(number, await reads.dags.versions(dag));
    const content = number === dag.version.number ? await readSource(dag.version.sourcePath) : null;
    const answer = reply as FastifyReply;
    if (headers.accept?.startsWith("text/plain")) return answer.type("text/plain; charset=utf-8").send(content ?? "");
    return answer.send({ content, dag_id: dag.dagId, version_number: number, dag_display_name: dag.dagId });
  });
}

function assertVersion(number: number, versions: readonly { readonly number: number }[]): void {
  if (versions.some((version) => version.number === number)) return;
  throw new MillraceError("NOT_FOUND", `the DAG has no version ${number}`, {
    hint: `it has ${versions.map((one) => one.number).join(", ")}`,
  });
}

async function readSource(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return null;
  }
}
