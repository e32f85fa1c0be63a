import { randomUUID } from "node:crypto";
import type {
  Connection,
  DestinationKind,
  OutboundMessage,
  Publisher,
  PublishResult,
  QueueScheme,
  QueueTarget,
} from "@millrace/sdk/provider";
import { codedMessage } from "../domain/coded-message.ts";
import { connectionOf } from "../domain/connection-of.ts";
import type { Connections } from "../domain/connections.ts";
import { MillraceError } from "../domain/errors.ts";
import { compileSchema } from "../domain/json-schema.ts";
import type { Log } from "../domain/log.ts";
import type { ProviderCatalog } from "../domain/provider-catalog.ts";
import type { Published, PublishRequest } from "../domain/publish.ts";

export interface PublishOptions {
  readonly connections: Connections;
  readonly catalog: ProviderCatalog;
  readonly log: Log;
}

/** Messages handed to a publisher at once. */
const BATCH_SIZE = 500;

/**
 * Sends messages at once, past the outbox, and resolves when the broker has them.
 * @throws {MillraceError} CONNECTION_NOT_FOUND, CONNECTION_INVALID, PROVIDER_NOT_FOUND, BAD_REQUEST, PUBLISH_FAILED
 */
export async function publishMessages(options: PublishOptions, request: PublishRequest): Promise<Published> {
  const target = await findTarget(options, request);
  const kind = options.catalog.findDestination(target.kind)!;
  const connection = await connectionOf(kind, target.params, request.connection, options.connections);
  const messageOptions = kind.messageOptions?.({ key: request.key, headers: request.headers }) ?? {};
  check("queue", kind.params, target.params);
  check("message", kind.options, messageOptions);
  const messages = Array.from({ length: request.count }, () => ({
    id: randomUUID(),
    params: target.params,
    body: request.body,
    options: messageOptions,
  }));
  const publisher = await open(kind, connection, options.log);
  try {
    for (let at = 0; at < messages.length; at += BATCH_SIZE) await send(publisher, messages.slice(at, at + BATCH_SIZE), at);
  } finally {
    await publisher.close();
  }
  return { kind: target.kind, params: target.params, messageIds: messages.map(({ id }) => id) };
}

/** By the type of the connection; by the queue's URL where there is no such connection, and its URL may be enough. */
async function findTarget({ catalog, connections, log }: PublishOptions, { connection: id, queue }: PublishRequest): Promise<QueueTarget> {
  const schemes = catalog.queueSchemes.filter((scheme) => scheme.match(queue) === "yes");
  try {
    const connection = await connections.get(id);
    const scheme = catalog.findQueueScheme(connection.connType);
    if (scheme === undefined) throw noProvider(connection);
    return toTarget(scheme, await findUrl(scheme, queue, connection, log));
  } catch (error) {
    const isMissing = error instanceof MillraceError && error.code === "CONNECTION_NOT_FOUND";
    if (!isMissing || schemes.length !== 1) throw error;
    return toTarget(schemes[0]!, queue);
  }
}

function noProvider({ id, connType }: Connection): MillraceError {
  return new MillraceError(
    "PROVIDER_NOT_FOUND",
    `connection '${id}': expected a provider that publishes over conn_type '${connType}', got none`,
  );
}

/** @throws {MillraceError} BAD_REQUEST */
function toTarget(scheme: QueueScheme, queue: string): QueueTarget {
  try {
    return scheme.destination(queue);
  } catch (cause) {
    throw new MillraceError("BAD_REQUEST", `queue '${queue}': ${(cause as Error).message}`, {
      cause,
      hint: "give the queue's URL, or its name",
    });
  }
}

/** A bare name is asked for at the system, where it is not enough. */
async function findUrl(scheme: QueueScheme, queue: string, connection: Connection, log: Log): Promise<string> {
  if (scheme.find === undefined || scheme.match(queue) !== "no" || queue.includes("://")) return queue;
  try {
    return await scheme.find(queue, connection, { log });
  } catch (error) {
    throw failed(error as Error);
  }
}

/** @throws {MillraceError} BAD_REQUEST */
function check(what: string, schema: DestinationKind["params"], value: object): void {
  const problem = compileSchema(schema)(value);
  if (problem !== null) throw new MillraceError("BAD_REQUEST", `the ${what} is not one of this system: ${problem}`);
}

async function open(kind: DestinationKind, connection: Connection, log: Log): Promise<Publisher> {
  try {
    return await kind.openPublisher(connection, { log });
  } catch (error) {
    throw failed(error as Error);
  }
}

/** `sentBefore`: an error tells how many are out. */
async function send(publisher: Publisher, messages: readonly OutboundMessage[], sentBefore: number): Promise<void> {
  let results: readonly PublishResult[];
  try {
    results = await publisher.publish(messages);
  } catch (error) {
    throw failed(error as Error);
  }
  const [problem] = results.flatMap((result) => (result.outcome === "sent" ? [] : [result.reason]));
  if (problem === undefined) return;
  const sent = sentBefore + results.filter(({ outcome }) => outcome === "sent").length;
  throw new MillraceError("PUBLISH_FAILED", sent === 0 ? problem : `${problem} (${sent} messages were sent before)`);
}

function failed(cause: Error): MillraceError {
  return cause instanceof MillraceError ? cause : new MillraceError("PUBLISH_FAILED", codedMessage(cause), { cause });
}
