import { defineAsset } from "@millrace/sdk";
import { kafkaTopic, kafkaTrigger } from "@millrace/kafka";
import { classifyBearings, replySchema, requestSchema } from "./classify.ts";

const requests = defineAsset("kafka_inference_requests", {
  schema: requestSchema,
  watchers: { kafka_watcher: kafkaTrigger({ topics: ["inference-requests"] }) },
});
const replies = kafkaTopic({ topic: "inference-replies", schema: replySchema });

export default classifyBearings("inference_kafka", requests, replies);
