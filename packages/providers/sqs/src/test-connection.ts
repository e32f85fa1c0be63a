import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { TriggerError, type Connection, type ConnectionTestResult, type ProviderLog } from "@millrace/sdk/provider";
import { openClient } from "./connection.ts";
import { toServiceError } from "./error.ts";
import { textOf } from "./extra.ts";

const MAX_ATTEMPTS = 2;
const MAX_SHOWN = 3;
/** Where neither the connection nor an address of its own says otherwise: the login is the same everywhere. */
const SOME_REGION = "us-east-1";

const HINTS: Readonly<Record<string, string>> = {
  AUTHENTICATION_FAILED: "correct login and password; temporary ones need extra.aws_session_token and end, then they must be renewed",
  ACCESS_DENIED: "allow this user or role what the message names",
  CREDENTIALS_MISSING: "give login and password, extra.profile_name, or the AWS_* environment",
  CONNECTION_INVALID: "correct the field that the message names",
  BROKER_UNREACHABLE: "check extra.region_name, extra.endpoint_url and the network",
  BROKER_BUSY: "try again in a moment",
};

interface TestContext {
  readonly log: ProviderLog;
  readonly signal: AbortSignal;
}

/**
 * Lists queues. Reading and publishing do not need that permission: a login that lacks it works as far as can be told.
 */
export async function testSqsConnection(connection: Connection, { log, signal }: TestContext): Promise<ConnectionTestResult> {
  try {
    const client = openClient(withRegion(connection), null, { maxAttempts: MAX_ATTEMPTS, log });
    const region = await client.config.region();
    try {
      const { QueueUrls: urls = [] } = await client.send(new ListQueuesCommand({ MaxResults: 1_000 }), { abortSignal: signal });
      return { ok: true, message: `SQS in ${region} answers: ${describeQueues(urls)}` };
    } catch (error) {
      return judge(error, region);
    } finally {
      client.destroy();
    }
  } catch (error) {
    return toFailure(error as TriggerError);
  }
}

function judge(error: unknown, region: string): ConnectionTestResult {
  const explained = toServiceError(error, `the queues in ${region}`, "sqs:ListQueues");
  // What comes from assuming a role is explained already, and no login.
  const isLoggedIn = explained.code === "ACCESS_DENIED" && explained.cause === error && !(error instanceof TriggerError);
  if (!isLoggedIn) return toFailure(explained);
  const needed = "reading needs sqs:ReceiveMessage and sqs:DeleteMessage, publishing sqs:SendMessage";
  return { ok: true, message: `SQS in ${region} takes the login, but it lacks sqs:ListQueues, so no queue was tried; ${needed}` };
}

function toFailure({ code, message }: TriggerError): ConnectionTestResult {
  return { ok: false, message: `${code}: ${message}`, hint: HINTS[code] ?? "see the message for what to correct" };
}

/** A trigger takes the region from its queue's URL; here there is none. */
function withRegion(connection: Connection): Connection {
  if (textOf(connection, "region_name") !== null) return connection;
  return { ...connection, extra: { ...connection.extra, region_name: SOME_REGION } };
}

function describeQueues(urls: readonly string[]): string {
  if (urls.length === 0) return "there is no queue there yet, or the region is another";
  const names = urls.slice(0, MAX_SHOWN).map((url) => new URL(url).pathname.split("/").at(-1) ?? url);
  const more = urls.length > MAX_SHOWN ? ", …" : "";
  return `${urls.length} queue${urls.length === 1 ? "" : "s"} (${names.join(", ")}${more})`;
}
