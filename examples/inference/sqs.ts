import { defineAsset } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { classifyBearings, replySchema, requestSchema } from "./classify.ts";

const QUEUES = "https://sqs.us-east-1.amazonaws.com/000000000000";

const requests = defineAsset("sqs_inference_requests", {
  schema: requestSchema,
  watchers: { sqs_watcher: sqsTrigger({ queueUrl: `${QUEUES}/inference-requests` }) },
});
const replies = sqsQueue({ queueUrl: `${QUEUES}/inference-replies`, schema: replySchema });

export default classifyBearings("inference_sqs", requests, replies);
