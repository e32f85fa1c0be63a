import type { SQSClient } from "@aws-sdk/client-sqs";
import type { Connection, OpenTriggerContext, ProviderLog, TriggerStream } from "@millrace/sdk/provider";
import { addressOf, openClient, waitTimeOf } from "./connection.ts";
import { toTriggerError } from "./error.ts";
import { canonicalQueueUrl, type SqsTriggerParams } from "./params.ts";
import { QueuePoller, receive, type PollSettings } from "./poller.ts";
import { SqsStream } from "./stream.ts";

const DEFAULT_WAIT_SECONDS = 10;
/** A delete may be tried again: a message deleted twice is deleted once. */
const MAX_ATTEMPTS = 3;

/**
 * The first receive does not wait: it shows whether the queue, the credentials and the permission are right,
 * without asking for any other permission. What it brings is the stream's first batch.
 */
export async function openSqsTrigger(
  params: SqsTriggerParams,
  connection: Connection,
  context: OpenTriggerContext,
): Promise<TriggerStream> {
  context.onState("connecting");
  const waitTimeSeconds = params.waitTimeSeconds ?? waitTimeOf(connection) ?? DEFAULT_WAIT_SECONDS;
  const client = openChecked(params, connection, context.log);
  const settings: PollSettings = {
    client,
    queueUrl: addressOf(params.queueUrl, connection),
    source: canonicalQueueUrl(params.queueUrl),
    waitTimeSeconds,
    visibilityTimeout: params.visibilityTimeout ?? null,
  };
  try {
    const first = await receive(settings, 0);
    context.onState("streaming");
    return new SqsStream(settings, new QueuePoller(settings, context, first), context.log);
  } catch (error) {
    client.destroy();
    throw toTriggerError(error, settings.queueUrl, "sqs:ReceiveMessage");
  }
}

function openChecked(params: SqsTriggerParams, connection: Connection, log: ProviderLog): SQSClient {
  try {
    return openClient(connection, params.queueUrl, { maxAttempts: MAX_ATTEMPTS, log });
  } catch (error) {
    throw toTriggerError(error, params.queueUrl, "sqs:ReceiveMessage");
  }
}
