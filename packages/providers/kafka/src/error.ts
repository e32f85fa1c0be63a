import { TriggerError } from "@millrace/sdk/provider";

const NO_TOPIC = ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID", "INVALID_TOPIC_EXCEPTION"];
const NO_PERMISSION = ["TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"];

/** The broker's certificate, as OpenSSL names what is wrong with it. */
const NOT_SIGNED = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
];
const NOT_IN_TIME = ["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"];
/** TLS alerts of a broker that wants a client's certificate, or another one. */
const CLIENT_REFUSED =
  /ALERT_(?:NUMBER_116|CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|UNSUPPORTED_CERTIFICATE)/;

/** docs/reference/errors.md says when each is raised. */
export const KAFKA_ERROR_CODES = [
  "TOPIC_NOT_FOUND",
  "TOPIC_RECREATED",
  "AUTHENTICATION_FAILED",
  "CERTIFICATE_NOT_TRUSTED",
  "CERTIFICATE_REFUSED",
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
  const inner = findTriggerError(error);
  if (inner !== null) return inner;
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
  const tls = explainTls(servers, nested, reasons);
  if (tls !== null) return tls;
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
  // With TLS 1.3 a broker refuses a client's certificate after the handshake; the client then tells no more than this.
  if (reasons === "Connection closed") {
    const remedy = "check security.protocol, and whether it wants a login or a client's certificate (ssl.certificate.location)";
    return ["BROKER_UNREACHABLE", `${servers} closes the connection without an answer: ${remedy}`];
  }
  if (reasons.includes("requires TLS")) {
    return ["BROKER_UNREACHABLE", `${servers} wants TLS (${reasons}): set security.protocol to SSL or SASL_SSL`];
  }
  if (hasCode("PLT_KFK_NETWORK", "PLT_KFK_TIMEOUT")) {
    return ["BROKER_UNREACHABLE", `${servers} did not answer (${reasons}): check bootstrap.servers, security.protocol and the network`];
  }
  return ["BROKER_ERROR", `${servers} could not serve ${topics} (${reasons})`];
}

/** What TLS found wrong, or null. */
function explainTls(servers: string, nested: readonly NestedError[], reasons: string): readonly [KafkaErrorCode, string] | null {
  const codes = nested.flatMap(({ code }) => code ?? []);
  const has = (known: readonly string[]): boolean => codes.some((code) => known.includes(code));
  if (has(NOT_SIGNED)) {
    const remedy = "set ssl.ca.location to the CA that signed it";
    return ["CERTIFICATE_NOT_TRUSTED", `the certificate of ${servers} is not signed by a CA that is trusted here (${reasons}): ${remedy}`];
  }
  if (has(["ERR_TLS_CERT_ALTNAME_INVALID"])) {
    const remedy = `correct bootstrap.servers or the broker's advertised.listeners, or set ssl.endpoint.identification.algorithm to "none"`;
    return ["CERTIFICATE_NOT_TRUSTED", `the certificate is for another host than ${servers} (${reasons}): ${remedy}`];
  }
  if (has(NOT_IN_TIME)) {
    return ["CERTIFICATE_NOT_TRUSTED", `the certificate of ${servers} is not valid now (${reasons}): renew it, or correct the clock`];
  }
  if (codes.some((code) => CLIENT_REFUSED.test(code))) {
    const remedy = "correct ssl.certificate.location and ssl.key.location";
    return ["CERTIFICATE_REFUSED", `${servers} refused the client's certificate, or got none (${reasons}): ${remedy}`];
  }
  return null;
}

/** One that was raised inside the client, by a provider of tokens. */
function findTriggerError(error: unknown, depth = 0): TriggerError | null {
  if (error instanceof TriggerError) return error;
  if (!(error instanceof Error) || depth > 8) return null;
  const inside: readonly unknown[] = error instanceof AggregateError ? [...error.errors, error.cause] : [error.cause];
  return inside.reduce<TriggerError | null>((found, inner) => found ?? findTriggerError(inner, depth + 1), null);
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
  return [{ message: plain(error.message), code, apiId, isInnermost: found.length === 0 }, ...found];
}

/** Of OpenSSL's `…:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:…` what is meant for people. */
function plain(message: string): string {
  return message.replace(/^[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]*):.*$/s, "$1");
}
