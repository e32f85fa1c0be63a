import { defineAsset, defineDag } from "@millrace/sdk";
import { kafkaTrigger } from "@millrace/kafka";

const greetings = defineAsset("kafka_greetings", {
  watchers: { kafka_watcher: kafkaTrigger({ topics: ["hello"] }) },
});

export default defineDag("hello_kafka", { schedule: greetings }, (dag) => {
  dag.task("print", ({ event, log }) => log.info("a message came", { payload: event.payload }));
});
