import { TriggerError, type Connection, type OpenTriggerContext, type TriggerStream } from "@millrace/sdk/provider";
import { type ClientOptions, clientOptionsOf, groupOf, startOf } from "./connection.ts";
import { toTriggerError } from "./error.ts";
import type { KafkaTriggerParams } from "./params.ts";
import { preparePositions, type Subscription } from "./positions.ts";
import { KafkaStream } from "./stream.ts";
import { TopicPattern } from "./topic-pattern.ts";

/** Until the first join succeeded; the client itself would try for ever. */
const JOIN_TIMEOUT_MS = 30_000;

/** Group and start: the trigger's params, then the connection, then Millrace's default. */
export async function openKafkaTrigger(
  params: KafkaTriggerParams,
  connection: Connection,
  context: OpenTriggerContext,
): Promise<TriggerStream> {
  context.onState("connecting");
  const options = clientOptionsOf(connection, context.log);
  const from = params.from ?? startOf(connection) ?? "latest";
  const group = params.groupId ?? groupOf(connection) ?? context.defaultGroup;
  warnOfOtherServers(params, connection, context.log);
  const subject = { servers: options.bootstrapBrokers, topics: params.topics ?? [`/${params.topicPattern}/`] };
  try {
    const subscription: Subscription = { group, ...(await topicsOf(params, { options, group, from, context })) };
    const topics = await preparePositions(options, subscription, context);
    const stream = new KafkaStream(options, subscription, topics, context);
    await joinInTime(stream, context.signal);
    return stream;
  } catch (error) {
    throw toTriggerError(error, subject);
  }
}

interface Asked {
  readonly options: ClientOptions;
  readonly group: string;
  readonly from: "earliest" | "latest";
  readonly context: OpenTriggerContext;
}

/** Those that are named, or those that match now. @throws {TriggerError} TOPIC_NOT_FOUND where none does yet: it is looked again */
async function topicsOf(
  { topics, topicPattern }: KafkaTriggerParams,
  { options, group, from, context }: Asked,
): Promise<Omit<Subscription, "group">> {
  if (topics !== undefined) return { topics, pattern: null, from };
  const pattern = new TopicPattern(topicPattern ?? "");
  const hasBegun = await pattern.begin(options, group, context);
  const found = await pattern.list(options);
  if (found.length > 0) return { topics: found, pattern, from: hasBegun ? "earliest" : from };
  throw new TriggerError("TOPIC_NOT_FOUND", `there is no topic that matches "${pattern.text}" yet: it is looked for again`);
}

/** As with an endpoint of an SQS connection, what is named in a DAG file can stay as it is where another cluster is to be used. */
function warnOfOtherServers({ bootstrapServers }: KafkaTriggerParams, connection: Connection, log: OpenTriggerContext["log"]): void {
  const used = connection.extra["bootstrap.servers"] ?? connection.extra["metadata.broker.list"] ?? connection.host;
  if (bootstrapServers === undefined || used === bootstrapServers) return;
  log.warn(`the servers of connection "${connection.id}" are used, not those in the queue's URL`, { used, url: bootstrapServers });
}

async function joinInTime(stream: KafkaStream, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(new TriggerError("BROKER_UNREACHABLE", `the group was not joined within ${JOIN_TIMEOUT_MS} ms: see the log of the broker`)),
    JOIN_TIMEOUT_MS,
  );
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([stream.join(), promise]);
  } catch (error) {
    await stream.close({ deadlineMs: 0 });
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
