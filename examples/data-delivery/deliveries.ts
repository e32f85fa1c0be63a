import { defineAsset } from "@millrace/sdk";
import { sqsTrigger } from "@millrace/sqs";
import { z } from "zod";

/** A message on the queue: a path on this machine, or `s3://bucket/key`. */
export const deliveries = defineAsset("sales_deliveries", {
  schema: z.object({ file: z.string().min(1) }),
  watchers: { sqs_watcher: sqsTrigger({ queueUrl: "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries" }) },
});

/** Updated by each file that is loaded; `days` are those that its sales are of. */
export const sales = defineAsset("sales", {
  schema: z.object({ file: z.string(), rows: z.number(), days: z.array(z.string()) }),
});
