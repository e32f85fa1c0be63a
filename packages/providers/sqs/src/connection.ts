import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { TriggerError, type Connection } from "@millrace/sdk/provider";
import { regionOf } from "./params.ts";

/** Above the longest poll, so that only a dead network runs into it. */
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A client for one queue. Region: the connection's `extra.region_name`, else the one in the queue's URL.
 * Credentials: login and password (or `extra.aws_session_token` with them), else the AWS SDK's own chain.
 * @throws {TriggerError} CREDENTIALS_MISSING where only one of login and password is given
 */
export function openClient(connection: Connection, queueUrl: string, options: { readonly maxAttempts: number }): SQSClient {
  const endpoint = text(connection.extra["endpoint_url"]);
  const region = text(connection.extra["region_name"]) ?? regionOf(queueUrl) ?? (endpoint === null ? null : "us-east-1");
  const config: SQSClientConfig = {
    maxAttempts: options.maxAttempts,
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true, connectionTimeout: CONNECT_TIMEOUT_MS },
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...credentialsOf(connection),
  };
  return new SQSClient(config);
}

/** Where the connection has an endpoint of its own, its host replaces the one in the queue's URL. */
export function addressOf(queueUrl: string, connection: Connection): string {
  const endpoint = text(connection.extra["endpoint_url"]);
  return endpoint === null ? queueUrl : new URL(new URL(queueUrl).pathname, endpoint).href;
}

/** Seconds a poll waits where the trigger does not say; null where the connection does not either. */
export function waitTimeOf(connection: Connection): number | null {
  const seconds = Number(connection.extra["wait_time_seconds"] ?? Number.NaN);
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= 20 ? seconds : null;
}

function credentialsOf(connection: Connection): Pick<SQSClientConfig, "credentials"> {
  const accessKeyId = text(connection.login) ?? text(connection.extra["aws_access_key_id"]);
  const secretAccessKey = text(connection.password) ?? text(connection.extra["aws_secret_access_key"]);
  if (accessKeyId === null && secretAccessKey === null) return {};
  if (accessKeyId === null || secretAccessKey === null) throw halfCredentials(connection.id, accessKeyId === null);
  const sessionToken = text(connection.extra["aws_session_token"]);
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) } };
}

/** The SDK's own chain would take somebody else's credentials instead. */
function halfCredentials(id: string, isLoginMissing: boolean): TriggerError {
  const [got, missing] = isLoginMissing ? ["password", "login"] : ["login", "password"];
  return new TriggerError(
    "CREDENTIALS_MISSING",
    `connection "${id}": expected login and password, or neither of them, got only ${got}: add the ${missing}, or remove the ${got} to use the AWS_* environment`,
  );
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
