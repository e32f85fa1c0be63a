import { type Static, Type } from "typebox";
import { MillraceError } from "../../domain/errors.ts";
import type { ImportErrorRead } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { toInstant } from "../resources/instant.ts";
import { Instant, NullableInteger, NullableText } from "../resources/nullable.ts";
import { pageQuery, queryObject, readPage } from "./query.ts";

const ImportError = Type.Object({
  import_error_id: Type.Integer(),
  timestamp: Instant,
  filename: Type.String(),
  bundle_name: NullableText,
  stack_trace: Type.String(),
  /** Ours: the parts of what stack_trace says in one text. */
  code: Type.String(),
  message: Type.String(),
  line: NullableInteger,
  column: NullableInteger,
  hint: Type.String(),
});
const ImportErrorCollection = Type.Object({ import_errors: Type.Array(ImportError), total_entries: Type.Integer() });
const ImportErrorQuery = queryObject({
  ...pageQuery,
  filename_pattern: Type.Optional(Type.String({ description: "part of the path, in any case" })),
});

export function importErrorRoutes(app: ApiServer, { reads }: ApiContext): void {
  const tags = ["Import Error"];
  const list = { tags, summary: "The DAG files that do not load", querystring: ImportErrorQuery, response: { 200: ImportErrorCollection } };
  app.get("/api/v2/importErrors", { schema: list }, async ({ query }) => {
    const { rows, total } = await reads.importErrors.list({ filePart: query.filename_pattern }, readPage(query, ["id"]));
    return { import_errors: rows.map(toImportError), total_entries: total };
  });
  const one = {
    tags,
    summary: "One import error",
    params: Type.Object({ import_error_id: Type.Integer() }),
    response: { 200: ImportError },
  };
  app.get("/api/v2/importErrors/:import_error_id", { schema: one }, async ({ params }) => {
    const error = await reads.importErrors.find(params.import_error_id);
    if (error === null)
      throw new MillraceError("NOT_FOUND", `there is no import error with id ${params.import_error_id}`, {
        hint: "it may be mended; see GET /api/v2/importErrors",
      });
    return toImportError(error);
  });
}

function toImportError(error: ImportErrorRead): Static<typeof ImportError> {
  const { file, line, column, message, hint, stack } = error;
  const place = [file, line, line === null ? null : column].filter((part) => part !== null).join(":");
  const text = [`${place}: ${message}`, `hint: ${hint}`, stack].filter((part) => part !== "").join("\n");
  return {
    import_error_id: error.id,
    timestamp: toInstant(error.createdAt),
    filename: file,
    bundle_name: null,
    stack_trace: text,
    code: error.code,
    message,
    line,
    column,
    hint,
  };
}
