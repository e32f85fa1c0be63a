import { defineAsset, defineDag } from "@millrace/sdk";
import { sqsTrigger } from "@millrace/sqs";

const greetings = defineAsset("sqs_greetings", {
  watchers: { sqs_watcher: sqsTrigger({ queueUrl: "https://sqs.us-east-1.amazonaws.com/000000000000/hello" }) },
});

export default defineDag("hello_sqs", { schedule: greetings }, (dag) => {
  dag.task("print", ({ event, log }) => log.info("a message came", { payload: event.payload }));
});
