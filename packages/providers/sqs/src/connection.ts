import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { TriggerError, warnOfUnknownExtra, type Connection, type ProviderLog } from "@millrace/sdk/provider";
import { assumeRole } from "./assume-role.ts";
import { invalid, KNOWN_EXTRA, objectOf, textOf } from "./extra.ts";
import { regionOf } from "./params.ts";

/** Above the longest poll, so that only a dead network runs into it. */
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;

interface ClientOptions {
  readonly maxAttempts: number;
  readonly log: ProviderLog;
}

type Login = Pick<SQSClientConfig, "credentials" | "profile">;
type AwsCredentialIdentityProvider = Extract<SQSClientConfig["credentials"], () => unknown>;

/**
 * A client for one queue, or for none in particular (null). Region: the connection's `extra.region_name`, else the one in the queue's URL.
 * Credentials: login and password (or `extra.aws_session_token` with them), else `extra.profile_name`, else the AWS
 * SDK's own chain; where there is an `extra.role_arn`, they only assume that role.
 * @throws {TriggerError} CREDENTIALS_MISSING where only one of login and password is given, CONNECTION_INVALID
 */
export function openClient(connection: Connection, queueUrl: string | null, { maxAttempts, log }: ClientOptions): SQSClient {
  warnOfUnknownExtra(connection, KNOWN_EXTRA, log);
  const endpoint = endpointOf(connection);
  const ofUrl = queueUrl === null ? null : regionOf(queueUrl);
  const region = textOf(connection, "region_name") ?? ofUrl ?? (endpoint === null ? null : "us-east-1");
  const config: SQSClientConfig = {
    maxAttempts,
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true, connectionTimeout: CONNECT_TIMEOUT_MS },
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    ...loginOf(connection, region),
  };
  return new SQSClient(config);
}

/** Where the connection has an endpoint of its own, its host replaces the one in the queue's URL. */
export function addressOf(queueUrl: string, connection: Connection): string {
  const endpoint = endpointOf(connection);
  return endpoint === null ? queueUrl : new URL(new URL(queueUrl).pathname, endpoint).href;
}

/** Seconds a poll waits where the trigger does not say; null where the connection does not either. @throws {TriggerError} CONNECTION_INVALID */
export function waitTimeOf(connection: Connection): number | null {
  const given = connection.extra["wait_time_seconds"] ?? "";
  if (given === "") return null;
  const seconds = Number(given);
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 20) return seconds;
  throw invalid(connection, "wait_time_seconds", `an integer from 0 to 20, got ${JSON.stringify(given)}`);
}

function endpointOf(connection: Connection): string | null {
  const ofService = objectOf(connection, "service_config")["sqs"] as { readonly endpoint_url?: unknown } | undefined;
  return typeof ofService?.endpoint_url === "string" ? ofService.endpoint_url : textOf(connection, "endpoint_url");
}

function loginOf(connection: Connection, region: string | null): Login {
  const own = ownLoginOf(connection);
  return textOf(connection, "role_arn") === null ? own : { credentials: assumeRole(connection, own, region) };
}

function ownLoginOf(connection: Connection): Login {
  const accessKeyId = connection.login || textOf(connection, "aws_access_key_id");
  const secretAccessKey = connection.password || textOf(connection, "aws_secret_access_key");
  if (accessKeyId === null && secretAccessKey === null) {
    const profile = textOf(connection, "profile_name");
    return profile === null ? {} : { profile, credentials: fromProfile(profile) };
  }
  if (accessKeyId === null || secretAccessKey === null) throw halfCredentials(connection.id, accessKeyId === null);
  const sessionToken = textOf(connection, "aws_session_token");
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) } };
}

/** The SDK's own chain would take AWS_ACCESS_KEY_ID before a profile in some versions, and the profile in others. */
function fromProfile(profile: string): AwsCredentialIdentityProvider {
  return async () => (await import("@aws-sdk/credential-provider-ini")).fromIni({ profile })();
}

/** The SDK's own chain would take somebody else's credentials instead. */
function halfCredentials(id: string, isLoginMissing: boolean): TriggerError {
  const [got, missing] = isLoginMissing ? ["password", "login"] : ["login", "password"];
  return new TriggerError(
    "CREDENTIALS_MISSING",
    `connection "${id}": expected login and password, or neither of them, got only ${got}: add the ${missing}, or remove the ${got} to use the AWS_* environment`,
  );
}
