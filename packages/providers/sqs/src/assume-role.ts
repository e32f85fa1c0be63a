import type { AssumeRoleRequest, STSClientConfig } from "@aws-sdk/client-sts";
import { nearestName, type Connection } from "@millrace/sdk/provider";
import { toRoleError } from "./error.ts";
import { invalid, objectOf, textOf } from "./extra.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** What `assume_role_kwargs` may hold: the fields of AssumeRole in boto's spelling, which is the API's own. */
const FIELDS = ["RoleSessionName", "ExternalId", "DurationSeconds", "Policy", "PolicyArns", "SourceIdentity", "Tags", "TransitiveTagKeys"];

interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/**
 * Credentials of the connection's role, which the SQS client asks for when it first needs them, and again before they expire.
 * As in Airflow, `endpoint_url` is not STS's; `service_config.sts.endpoint_url` is.
 * @throws {TriggerError} CONNECTION_INVALID
 */
export function assumeRole(
  connection: Connection,
  login: Pick<STSClientConfig, "credentials" | "profile">,
  region: string | null,
): () => Promise<RoleCredentials> {
  const request = requestOf(connection);
  const ofService = objectOf(connection, "service_config")["sts"] as { readonly endpoint_url?: unknown } | undefined;
  const config: STSClientConfig = {
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true, connectionTimeout: CONNECT_TIMEOUT_MS },
    ...login,
    ...(region === null ? {} : { region }),
    ...(typeof ofService?.endpoint_url === "string" ? { endpoint: ofService.endpoint_url } : {}),
  };
  return async () => {
    try {
      return await requestCredentials(config, request);
    } catch (error) {
      throw toRoleError(error, request.RoleArn!);
    }
  };
}

async function requestCredentials(config: STSClientConfig, request: AssumeRoleRequest): Promise<RoleCredentials> {
  // Loaded where a role is assumed: most connections assume none.
  const { AssumeRoleCommand, STSClient } = await import("@aws-sdk/client-sts");
  const client = new STSClient(config);
  try {
    const { Credentials: credentials } = await client.send(new AssumeRoleCommand(request));
    return {
      accessKeyId: credentials!.AccessKeyId!,
      secretAccessKey: credentials!.SecretAccessKey!,
      sessionToken: credentials!.SessionToken!,
      expiration: credentials!.Expiration!,
    };
  } finally {
    client.destroy();
  }
}

function requestOf(connection: Connection): AssumeRoleRequest {
  const method = textOf(connection, "assume_role_method") ?? "assume_role";
  if (method !== "assume_role") throw invalid(connection, "assume_role_method", `"assume_role", got "${method}"`);
  const options = objectOf(connection, "assume_role_kwargs");
  const unknown = Object.keys(options).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) {
    const near = nearestName(unknown, FIELDS);
    const question = near === undefined ? "" : `; did you mean "${near}"?`;
    throw invalid(connection, "assume_role_kwargs", `an object of ${FIELDS.join(", ")}, got "${unknown}"${question}`);
  }
  const externalId = textOf(connection, "external_id");
  return {
    RoleSessionName: `millrace-${connection.id.replaceAll(/[^\w+=,.@-]/g, "-")}`.slice(0, 64),
    ...(externalId === null ? {} : { ExternalId: externalId }),
    ...(options as Partial<AssumeRoleRequest>),
    RoleArn: textOf(connection, "role_arn")!,
  };
}
