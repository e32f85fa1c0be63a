import { TriggerError } from "@millrace/sdk/provider";

const NO_TOPIC = ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "INVALID_TOPIC_EXCEPTION"];
const NO_PERMISSION = ["TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"];

/** docs/reference/errors.md says when each is raised. */
export const KAFKA_ERROR_CODES = [
  "TOPIC_NOT_FOUND",
  "TOPIC_RECREATED",
  "AUTHENTICATION_FAILED",
  "ACCESS_DENIED",
  "CONNECTION_INVALID",
  "BROKER_UNREACHABLE",
  "BROKER_ERROR",
] as const;
type KafkaErrorCode = (typeof KAFKA_ERROR_CODES)[number];

/** What an operation was about, for its error message. */
interface ErrorSubject {
  readonly servers: readonly unknown[];
  readonly topics: readonly string[];
}

/** What went wrong with a cluster, in words that say what to do. The client hides causes deep in `errors`. */
export function toTriggerError(error: unknown, subject: ErrorSubject): TriggerError {
  if (error instanceof TriggerError) return error;
  const [code, message] = explain(error instanceof Error ? error : new Error(String(error)), subject);
  return new TriggerError(code, message, { cause: error });
}

/** Whether the error, or one inside it, has one of these protocol errors. */
export function hasApiError(error: Error, ids: readonly string[]): boolean {
  return nestedErrors(error).some((nested) => ids.includes(nested.apiId ?? ""));
}

function explain(error: Error, subject: ErrorSubject): readonly [code: KafkaErrorCode, message: string] {
  const servers = `Kafka at "${subject.servers.join(",")}"`;
  const topics = `topic ${subject.topics.map((topic) => `"${topic}"`).join(", ")}`;
  const nested = nestedErrors(error);
  const hasCode = (...codes: readonly string[]): boolean => nested.some(({ code }) => codes.includes(code ?? ""));
  const reasons = [...new Set(nested.filter((one) => one.isInnermost).map(({ message }) => message))].slice(0, 3).join("; ");
  if (hasCode("PLT_KFK_AUTHENTICATION") || reasons.includes("SASL authentication failed")) {
    return [
      "AUTHENTICATION_FAILED",
      `${servers} refused the login (${reasons}): correct sasl.username, sasl.password and sasl.mechanism of the connection`,
    ];
  }
  if (hasApiError(error, NO_TOPIC) || nested.some(({ message }) => message.startsWith("Unknown topic"))) {
    return ["TOPIC_NOT_FOUND", `${topics} does not exist on ${servers}: create it, or correct its name`];
  }
  if (hasApiError(error, NO_PERMISSION)) {
    return [
      "ACCESS_DENIED",
      `${servers} does not allow it on ${topics} (${reasons}): add READ on topic and group, or WRITE to publish, to this user's ACLs`,
    ];
  }
  if (hasCode("PLT_KFK_NETWORK", "PLT_KFK_TIMEOUT")) {
    return ["BROKER_UNREACHABLE", `${servers} did not answer (${reasons}): check bootstrap.servers, security.protocol and the network`];
  }
  return ["BROKER_ERROR", `${servers} could not serve ${topics} (${reasons})`];
}

interface NestedError {
  readonly message: string;
  readonly code: string | undefined;
  readonly apiId: string | undefined;
  readonly isInnermost: boolean;
}

/** An error and all that lies in its `errors` and `cause`. */
function nestedErrors(error: unknown, depth = 0): NestedError[] {
  if (!(error instanceof Error) || depth > 8) return [];
  const inside: unknown[] = error instanceof AggregateError ? [...error.errors, error.cause] : [error.cause];
  const found = inside.flatMap((inner) => nestedErrors(inner, depth + 1));
  const { code, apiId } = error as { code?: string; apiId?: string };
  return [{ message: error.message, code, apiId, isInnermost: found.length === 0 }, ...found];
}
