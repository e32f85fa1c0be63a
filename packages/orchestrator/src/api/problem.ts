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
  const { validation = [] } = error;
  const [problem] = validation;
  if (problem === undefined) return error.message;
  return describeProblem(error.validationContext ?? "request", problem.keyword === "const" ? oneOf(validation) : problem);
}

/** One of several constants is expected: each of them was tried, and has its own error. */
function oneOf(errors: readonly FastifySchemaValidationError[]): FastifySchemaValidationError {
  const [first] = errors;
  const constants = errors.filter(({ keyword, instancePath }) => keyword === "const" && instancePath === first!.instancePath);
  const allowedValues = constants.flatMap(({ params }) => params["allowedValue"] as string);
  return { ...first!, message: "must be one of", params: { allowedValues } };
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
  // A query parameter that may be given more than once is a list, also where it is not.
  if (context === "querystring" && /^\d+$/.test(path.at(-1) ?? "")) path.pop();
  const name = (extra: unknown): string => [...path, String(extra)].join(".");
  if (keyword === "required") return `expected the ${kind} '${name(params["missingProperty"])}', got none`;
  if (keyword === "additionalProperties") return `${kind} '${name(params["additionalProperty"])}' is not known here`;
  const allowed = Array.isArray(params["allowedValues"]) ? `: ${params["allowedValues"].join(", ")}` : "";
  if (params["format"] === "date-time") return `${kind} '${path.join(".")}' must be an instant like 2026-11-21T00:00:00Z`;
  return `${path.length === 0 ? `the ${context}` : `${kind} '${path.join(".")}'`} ${message ?? "is not valid"}${allowed}`;
}
