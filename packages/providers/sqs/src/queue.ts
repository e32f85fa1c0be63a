import type { Connection, QueueScheme, QueueTarget } from "@millrace/sdk/provider";
import { DEFAULT_CONNECTION, regionOf } from "./params.ts";

const ARN = /^arn:(?<partition>aws[a-z-]*):sqs:(?<region>[a-z0-9-]+):(?<account>\d+):(?<name>[\w-]+(?:\.fifo)?)$/;

const HTTP = /^https?:\/\//i;

/** The queue's URL, or its ARN. Any other HTTP address may be a queue behind a proxy, or of a local server. */
export const sqsQueues: QueueScheme = {
  scheme: "sqs",
  match: (queue) => {
    if (ARN.test(queue)) return "yes";
    if (!HTTP.test(queue) || !URL.canParse(queue)) return "no";
    return regionOf(queue) === null ? "maybe" : "yes";
  },
  trigger: toTarget,
  destination: toTarget,
};

/** Without a connection the region is the URL's, and the login that of the AWS SDK's own chain. */
export function completeConnection(_params: object, id: string, found: Connection | null): Connection | null {
  return found ?? (id === DEFAULT_CONNECTION ? { id, connType: "aws", extra: {} } : null);
}

function toTarget(queue: string): QueueTarget {
  const queueUrl = toUrl(queue);
  if (queueUrl === null) {
    throw new Error("expected the URL of a queue, https://sqs.<region>.amazonaws.com/<account>/<name>, or its ARN");
  }
  return { kind: "sqs", connection: DEFAULT_CONNECTION, params: { queueUrl } };
}

function toUrl(queue: string): string | null {
  const arn = ARN.exec(queue)?.groups;
  if (arn !== undefined) {
    const domain = arn["partition"] === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
    return `https://sqs.${arn["region"]}.${domain}/${arn["account"]}/${arn["name"]}`;
  }
  if (!HTTP.test(queue) || !URL.canParse(queue)) return null;
  return /^\/.*[^/]$/.test(new URL(queue).pathname) ? queue.replace(HTTP, (scheme) => scheme.toLowerCase()) : null;
}
