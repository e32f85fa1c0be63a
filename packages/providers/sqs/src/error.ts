import { TriggerError } from "@millrace/sdk/provider";

const NO_QUEUE = new Set(["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "InvalidAddress"]);
const NO_LOGIN = new Set([
  "InvalidClientTokenId",
  "UnrecognizedClientException",
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "InvalidAccessKeyId",
  "ExpiredToken",
  "ExpiredTokenException",
  "MissingAuthenticationToken",
  "IncompleteSignature",
]);
const NO_PERMISSION = new Set(["AccessDenied", "AccessDeniedException", "KmsAccessDenied", "AuthorizationError", "NotAuthorized"]);
const LATER = new Set(["RequestThrottled", "ThrottlingException", "Throttling", "KmsThrottled", "OverLimit", "ServiceUnavailable"]);

/** docs/reference/errors.md says when each is raised. */
export const SQS_ERROR_CODES = [
  "QUEUE_NOT_FOUND",
  "AUTHENTICATION_FAILED",
  "ACCESS_DENIED",
  "CREDENTIALS_MISSING",
  "REGION_MISSING",
  "CONNECTION_INVALID",
  "REQUEST_REFUSED",
  "BROKER_BUSY",
  "BROKER_UNREACHABLE",
] as const;
type SqsErrorCode = (typeof SQS_ERROR_CODES)[number];

/** Codes after which the same request would fail again until somebody changes something. */
const PERMANENT: ReadonlySet<string> = new Set<SqsErrorCode>([
  "QUEUE_NOT_FOUND",
  "ACCESS_DENIED",
  "AUTHENTICATION_FAILED",
  "CREDENTIALS_MISSING",
  "REGION_MISSING",
  "CONNECTION_INVALID",
  "REQUEST_REFUSED",
]);

/** What a request was about, and what to do where it fails: the ends of its error messages. */
interface ErrorSubject {
  readonly service: "SQS" | "STS";
  readonly what: string;
  readonly permission: string;
  readonly ifDenied: string;
  readonly ifRefused: string;
  readonly ifSilent: string;
}

/** What went wrong with a queue, in words that say what to do. */
export function toTriggerError(error: unknown, queueUrl: string, permission: string): TriggerError {
  return toError(error, {
    service: "SQS",
    what: `the queue "${queueUrl}"`,
    permission,
    ifDenied: "add it to the policy of this user or role",
    ifRefused: "correct the trigger's params",
    ifSilent: `check the network and the connection's "endpoint_url"`,
  });
}

/** What went wrong with a request that is about no queue in particular. `what` is its object: "the queues of …". */
export function toServiceError(error: unknown, what: string, permission: string): TriggerError {
  return toError(error, {
    service: "SQS",
    what,
    permission,
    ifDenied: "add it to the policy of this user or role",
    ifRefused: "correct the connection",
    ifSilent: `check the network and the connection's "region_name" and "endpoint_url"`,
  });
}

/** What went wrong when a role was assumed. */
export function toRoleError(error: unknown, roleArn: string): TriggerError {
  return toError(error, {
    service: "STS",
    what: `the role "${roleArn}"`,
    permission: "sts:AssumeRole",
    ifDenied: "add it to this user's policy and this user to the role's trust policy, and give the external id that it asks for",
    ifRefused: `correct "role_arn" and "assume_role_kwargs" of the connection`,
    ifSilent: `check the network and the connection's "region_name"`,
  });
}

function toError(error: unknown, subject: ErrorSubject): TriggerError {
  if (error instanceof TriggerError) return error;
  const [code, message] = explain(error, subject);
  return new TriggerError(code, message, { cause: error });
}

export function isPermanent(error: TriggerError): boolean {
  return PERMANENT.has(error.code);
}

function explain(error: unknown, subject: ErrorSubject): readonly [code: SqsErrorCode, message: string] {
  const { name, message, status } = describe(error);
  const { service, what } = subject;
  const quoted = `(${name}: "${message}")`;
  if (NO_QUEUE.has(name))
    return ["QUEUE_NOT_FOUND", `${what} does not exist: create it, or correct the account, region and name in its URL`];
  if (NO_LOGIN.has(name))
    return ["AUTHENTICATION_FAILED", `AWS refused the credentials for ${what} (${name}): correct login and password of the connection`];
  if (NO_PERMISSION.has(name) || (status === 403 && !LATER.has(name)))
    return ["ACCESS_DENIED", `${subject.permission} on ${what} is not allowed ${quoted}: ${subject.ifDenied}`];
  if (name === "CredentialsProviderError") {
    const remedy = `set login and password or "profile_name" of the connection, or the AWS_* environment`;
    return ["CREDENTIALS_MISSING", `expected AWS credentials for ${what}, got none ("${message}"): ${remedy}`];
  }
  if (message.startsWith("Region is missing"))
    return ["REGION_MISSING", `expected a region for ${what}, got none: set "region_name" in the connection's extra`];
  if (LATER.has(name) || (status !== null && status >= 500)) return ["BROKER_BUSY", `${service} could not answer for ${what} ${quoted}`];
  if (status !== null) return ["REQUEST_REFUSED", `${service} refused a request for ${what} ${quoted}: ${subject.ifRefused}`];
  return ["BROKER_UNREACHABLE", `${service} did not answer for ${what} ${quoted}: ${subject.ifSilent}`];
}

function describe(error: unknown): { name: string; message: string; status: number | null } {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), status: null };
  const metadata = (error as { $metadata?: { httpStatusCode?: number } }).$metadata;
  const code = (error as { code?: unknown }).code;
  // An AggregateError of connection attempts has no message of its own.
  const message = error.message || (error instanceof AggregateError ? error.errors.map(String).join("; ") : "");
  return { name: typeof code === "string" ? code : error.name, message, status: metadata?.httpStatusCode ?? null };
}
