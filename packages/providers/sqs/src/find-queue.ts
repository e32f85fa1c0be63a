import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { TriggerError, type Connection, type ProviderLog } from "@millrace/sdk/provider";
import { addressOf, openClient } from "./connection.ts";
import { toTriggerError } from "./error.ts";

const MAX_ATTEMPTS = 2;

/** The URL of a queue of the connection's account and region. @throws {TriggerError} QUEUE_NOT_FOUND, ACCESS_DENIED without sqs:GetQueueUrl */
export async function findQueue(name: string, connection: Connection, { log }: { readonly log: ProviderLog }): Promise<string> {
  const client = openClient(connection, null, { maxAttempts: MAX_ATTEMPTS, log });
  try {
    const { QueueUrl: url } = await client.send(new GetQueueUrlCommand({ QueueName: name }));
    if (url === undefined) throw new TriggerError("QUEUE_NOT_FOUND", `SQS gave no URL for the queue "${name}": give its URL`);
    return addressOf(url, connection);
  } catch (error) {
    throw toTriggerError(error, name, "sqs:GetQueueUrl");
  } finally {
    client.destroy();
  }
}
