import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from "fastify";
import { Type } from "typebox";
import { ERRORS, MillraceError } from "../domain/errors.ts";
import type { Log } from "../domain/log.ts";

/** RFC 9457, with Airflow's `detail`, our code and what to do. */
export const ProblemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String(),
  hint: Type.String(),
});

export function sendProblem(reply: FastifyReply, error: MillraceError, status: number = error.status): FastifyReply {
  const { code, message: detail, hint } = error;
  const title = STATUS_CODES[status] ?? "Error";
  const body = { type: `urn:millrace:error:${code}`, title, status, detail, code, hint };
  if (status === ERRORS.UNAUTHENTICATED.status) void reply.header("www-authenticate", "Bearer");
  return reply.status(status).type("application/problem+json").send(JSON.stringify(body));
}

/** Everything thrown in a route ends here; what Millrace did not raise itself is logged, and not shown. */
export function problemHandler(log: Log) {
  return (error: FastifyError | MillraceError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (error instanceof MillraceError) {
      if (error.status >= 500) log.error("a request failed", { request: requestFields(request), error });
      return sendProblem(reply, error);
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return sendProblem(reply, new MillraceError("BAD_REQUEST", describe(error)), status);
    log.error("a request failed", { request: requestFields(request), error });
    return sendProblem(reply, new MillraceError("INTERNAL", "the server could not answer this request", { cause: error }));
  };
}

function requestFields({ id, method, url }: FastifyRequest): object {
  return { id, method, url };
}

function describe(error: FastifyError): string {
  const [problem] = error.validation ?? [];
  return problem === undefined ? error.message : describeProblem(error.validationContext ?? "request", problem);
}

const CONTEXT_NAMES: Readonly<Record<string, string>> = {
  querystring: "query parameter",
  params: "path parameter",
  body: "field",
  headers: "header",
};

/** Names the field: `query parameter 'limit': must be integer`. */
function describeProblem(context: string, { instancePath, keyword, message, params }: FastifySchemaValidationError): string {
  const kind = CONTEXT_NAMES[context] ?? context;
  const path = instancePath.split("/").filter((part) => part !== "");
  const name = (extra: unknown): string => [...path, String(extra)].join(".");
  if (keyword === "required") return `expected the ${kind} '${name(params["missingProperty"])}', got none`;
  if (keyword === "additionalProperties") return `${kind} '${name(params["additionalProperty"])}' is not known here`;
  const allowed = Array.isArray(params["allowedValues"]) ? `: ${params["allowedValues"].join(", ")}` : "";
  return `${path.length === 0 ? `the ${context}` : `${kind} '${path.join(".")}'`} ${message ?? "is not valid"}${allowed}`;
}
