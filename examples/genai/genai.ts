import { defineAsset, defineDag } from "@millrace/sdk";
import { sqsQueue, sqsTrigger } from "@millrace/sqs";
import { z } from "zod";
import { complete } from "./complete.ts";

const QUEUES = "https://sqs.us-east-1.amazonaws.com/000000000000";

const prompts = defineAsset("prompts", {
  schema: z.object({ id: z.string().min(1), prompt: z.string().min(1), model: z.string().optional() }),
  watchers: { sqs_watcher: sqsTrigger({ queueUrl: `${QUEUES}/prompts` }) },
});
const answers = sqsQueue({
  queueUrl: `${QUEUES}/answers`,
  schema: z.object({ id: z.string(), model: z.string(), text: z.string(), finishReason: z.string() }),
});

/** An answer for each prompt. The timeout bounds a try with all its requests; the retries are for what outlasts theirs. */
export default defineDag("genai", { schedule: prompts, retries: 2, retryDelay: "30s", timeout: "10m" }, (dag) => {
  const answer = dag.task("complete", async ({ event, connection, log, signal }) =>
    complete({ ...event.payload, connection: await connection("llm_default"), log, signal }),
  );
  dag.task("reply", { needs: { answer } }, ({ event, answer, publish }) => {
    const { id } = event.payload;
    publish(answers, { id, ...answer }, { headers: { "correlation-id": id } });
  });
});
