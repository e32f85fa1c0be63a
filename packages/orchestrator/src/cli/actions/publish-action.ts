import { MillraceError } from "../../domain/errors.ts";
import type { PublishRequest } from "../../domain/publish.ts";
import type { PublishedBody } from "../access-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatCount } from "../output/format-value.ts";
import { print } from "../output/print.ts";
import { readArgument } from "../read-argument.ts";
import { type ConnectionPlace, findConnection, openOutside } from "./find-connection.ts";

interface PublishOptions extends ClientOptions {
  readonly queue: string;
  readonly body: string;
  readonly key?: string;
  readonly header?: readonly string[];
  readonly count: string;
}

const MAX_SHOWN_IDS = 10;

export async function publish(context: CommandContext, connection: string, options: PublishOptions): Promise<void> {
  const request = await readRequest(connection, options);
  const place = await findConnection(context, connection, options);
  const sent =
    place.client === null
      ? await publishHere(context, place, request)
      : await place.client.post<PublishedBody>("/publish", toBody(request));
  print(options.output, sent, () => describe(sent));
}

/** @throws {MillraceError} USAGE */
async function readRequest(connection: string, options: PublishOptions): Promise<PublishRequest> {
  const { queue, key = null } = options;
  if (!/^[1-9]\d{0,4}$/.test(options.count))
    throw new MillraceError("USAGE", `--count: expected an integer from 1 to 10000, got '${options.count}'`);
  const headers = Object.fromEntries((options.header ?? []).map(readHeader));
  return { connection, queue, key, headers, count: Number(options.count), body: await readArgument("--body", options.body) };
}

function readHeader(text: string): [name: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new MillraceError("USAGE", `--header: expected name=value, got '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function toBody({ connection, queue, body, key, headers, count }: PublishRequest): object {
  return { connection_id: connection, queue, body_base64: Buffer.from(body).toString("base64"), key, headers, count };
}

async function publishHere(
  context: CommandContext,
  { connections }: Extract<ConnectionPlace, { client: null }>,
  request: PublishRequest,
): Promise<PublishedBody> {
  const { publishMessages } = await import("../../relay/publish-messages.ts");
  const { kind, params, messageIds } = await publishMessages({ ...(await openOutside(context)), connections }, request);
  return { connection_id: request.connection, kind, params, message_ids: messageIds };
}

function describe({ kind, params, message_ids: ids }: PublishedBody): string {
  const target = Object.values(params).join(" ");
  const more = ids.length > MAX_SHOWN_IDS ? [`and ${ids.length - MAX_SHOWN_IDS} more`] : [];
  return [`sent ${formatCount(ids.length, "message")} to ${kind} ${target}`, ...ids.slice(0, MAX_SHOWN_IDS), ...more].join("\n");
}
