import { defineAsset } from "@millrace/sdk";
import { kafkaTopic, kafkaTrigger } from "@millrace/kafka";
import { alertSchema, evaluateReadings, readingSchema } from "./evaluate.ts";

const readings = defineAsset("kafka_readings", {
  schema: readingSchema,
  watchers: { kafka_watcher: kafkaTrigger({ topics: ["iot-readings"] }) },
});
const alerts = kafkaTopic({ topic: "iot-alerts", schema: alertSchema });

export default evaluateReadings("iot_alert_kafka", readings, alerts);
