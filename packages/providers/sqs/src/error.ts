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
  "REQUEST_REFUSED",
]);

/** What went wrong with a queue, in words that say what to do. */
export function toTriggerError(error: unknown, queueUrl: string, permission: string): TriggerError {
  if (error instanceof TriggerError) return error;
  const [code, message] = explain(error, queueUrl, permission);
  return new TriggerError(code, message, { cause: error });
}

export function isPermanent(error: TriggerError): boolean {
  return PERMANENT.has(error.code);
}

function explain(error: unknown, queueUrl: string, permission: string): readonly [code: SqsErrorCode, message: string] {
  const { name, message, status } = describe(error);
  const queue = `the queue "${queueUrl}"`;
  if (NO_QUEUE.has(name))
    return ["QUEUE_NOT_FOUND", `${queue} does not exist: create it, or correct the account, region and name in its URL`];
  if (NO_LOGIN.has(name)) {
    return ["AUTHENTICATION_FAILED", `AWS refused the credentials for ${queue} (${name}): correct login and password of the connection`];
  }
  if (NO_PERMISSION.has(name) || (status === 403 && !LATER.has(name))) {
    return ["ACCESS_DENIED", `${permission} on ${queue} is not allowed (${name}: "${message}"): add it to the policy of this user or role`];
  }
  if (name === "CredentialsProviderError") {
    return [
      "CREDENTIALS_MISSING",
      `expected AWS credentials for ${queue}, got none: set login and password of the connection, or the AWS_* environment`,
    ];
  }
  if (message.startsWith("Region is missing")) {
    return ["REGION_MISSING", `expected a region for ${queue}, got none: set "region_name" in the connection's extra`];
  }
  if (LATER.has(name) || (status !== null && status >= 500))
    return ["BROKER_BUSY", `SQS could not answer for ${queue} (${name}: "${message}")`];
  if (status !== null)
    return ["REQUEST_REFUSED", `SQS refused a request for ${queue} (${name}: "${message}"): correct the trigger's params`];
  return [
    "BROKER_UNREACHABLE",
    `SQS did not answer for ${queue} (${name}: "${message}"): check the network and the connection's "endpoint_url"`,
  ];
}

function describe(error: unknown): { name: string; message: string; status: number | null } {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), status: null };
  const metadata = (error as { $metadata?: { httpStatusCode?: number } }).$metadata;
  const code = (error as { code?: unknown }).code;
  // An AggregateError of connection attempts has no message of its own.
  const message = error.message || (error instanceof AggregateError ? error.errors.map(String).join("; ") : "");
  return { name: typeof code === "string" ? code : error.name, message, status: metadata?.httpStatusCode ?? null };
}
