import type { DestinationKind } from "@millrace/sdk/provider";

/** Of triggers and queues that name none. */
export const DEFAULT_CONNECTION = "aws_default";

/** What `sqsTrigger` takes. */
export interface SqsTriggerParams {
  /** `https://sqs.<region>.amazonaws.com/<account>/<name>`. */
  readonly queueUrl: string;
  /** Seconds until a message that was received and not acknowledged is sent again (0–43200). By default the queue's own. */
  readonly visibilityTimeout?: number;
  /** Seconds a poll waits for a message (0–20, default 10): a stop takes at most as long. */
  readonly waitTimeSeconds?: number;
}

/** What `sqsQueue` takes. */
export interface SqsQueueParams {
  readonly queueUrl: string;
}

/** Options of `publish` to an SQS queue. */
export interface SqsPublishOptions {
  /** Messages of one group keep their order; a FIFO queue needs it. */
  readonly groupId?: string;
  /** A FIFO queue drops a second message with this id within 5 minutes. By default the message's own stable id. */
  readonly deduplicationId?: string;
  /** Seconds until the message can be received (0–900); not for FIFO queues. */
  readonly delaySeconds?: number;
  /** Message attributes, as strings; at most nine. */
  readonly headers?: Readonly<Record<string, string>>;
}

const queueUrl = {
  type: "string",
  pattern: "^https?://[^/@]+/.*[^/]$",
  description: "https://sqs.<region>.amazonaws.com/<account>/<name>",
};

export const triggerSchema = {
  type: "object",
  properties: {
    queueUrl,
    visibilityTimeout: { type: "integer", minimum: 0, maximum: 43_200 },
    waitTimeSeconds: { type: "integer", minimum: 0, maximum: 20 },
  },
  required: ["queueUrl"],
  additionalProperties: false,
} as const;

export const queueSchema = { type: "object", properties: { queueUrl }, required: ["queueUrl"], additionalProperties: false } as const;

export const publishSchema = {
  type: "object",
  properties: {
    groupId: { type: "string", minLength: 1, maxLength: 128 },
    deduplicationId: { type: "string", minLength: 1, maxLength: 128 },
    delaySeconds: { type: "integer", minimum: 0, maximum: 900 },
    // SQS takes ten attributes, and one of them is millrace-message-id.
    headers: { type: "object", maxProperties: 9, additionalProperties: { type: "string" } },
  },
  additionalProperties: false,
} as const;

/** A message sent by hand: of a FIFO queue the key is its group. */
export function messageOptions({ key, headers }: Parameters<NonNullable<DestinationKind["messageOptions"]>>[0]): SqsPublishOptions {
  return { headers, ...(key === null ? {} : { groupId: key }) };
}

/** The queue's one name: old and new spellings of its host are the same queue, and an endpoint override plays no part. */
export function canonicalQueueUrl(queueUrl: string): string {
  const url = new URL(queueUrl);
  const region = regionOf(queueUrl);
  const isAws = /\.amazonaws\.com(\.cn)?$/.test(url.hostname);
  const host = isAws && region !== null ? `sqs.${region}.amazonaws.com${url.hostname.endsWith(".cn") ? ".cn" : ""}` : url.host;
  return `${isAws ? "https:" : url.protocol}//${host}${url.pathname.replace(/\/+$/, "")}`;
}

/** The new and the old spelling, FIPS, dual-stack, a VPC's endpoints, and LocalStack's own name. */
const HOSTS = [
  /^sqs(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)$/,
  /^([a-z0-9-]+)\.queue\.amazonaws\.com(?:\.cn)?$/,
  /^vpce-[a-z0-9-]+\.sqs\.([a-z0-9-]+)\.vpce\.amazonaws\.com(?:\.cn)?$/,
  /^sqs\.([a-z0-9-]+)\.localhost\.localstack\.cloud$/,
];

/** The region in an AWS queue URL; null where its host names none. */
export function regionOf(queueUrl: string): string | null {
  const host = new URL(queueUrl).hostname;
  const region = HOSTS.map((pattern) => pattern.exec(host)?.[1]).find((found) => found !== undefined);
  return region ?? (host === "queue.amazonaws.com" ? "us-east-1" : null);
}

export function canonicalTrigger(params: SqsTriggerParams): string {
  return JSON.stringify([canonicalQueueUrl(params.queueUrl), params.visibilityTimeout ?? null, params.waitTimeSeconds ?? null]);
}
