import { defineAsset } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { alertSchema, evaluateReadings, readingSchema } from "./evaluate.ts";

const QUEUES = "https://sqs.us-east-1.amazonaws.com/000000000000";

const readings = defineAsset("sqs_readings", {
  schema: readingSchema,
  watchers: { sqs_watcher: sqsTrigger({ queueUrl: `${QUEUES}/iot-readings` }) },
});
const alerts = sqsQueue({ queueUrl: `${QUEUES}/iot-alerts`, schema: alertSchema });

export default evaluateReadings("iot_alert_sqs", readings, alerts);
