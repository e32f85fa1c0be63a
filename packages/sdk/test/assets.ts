// Assets that the type tests share.
import { defineAsset } from "@millrace/sdk";
import { topicTrigger } from "./topic-provider.ts";
import { z } from "zod";

export const readings = defineAsset("sensor_readings", {
  schema: z.object({ sensor: z.string(), celsius: z.number(), at: z.iso.datetime() }),
  watchers: { watcher: topicTrigger({ topics: ["t"] }) },
});
export const orders = defineAsset("orders", {
  schema: z.object({
    id: z.string(),
    total: z.number(),
    customer: z.object({ id: z.string(), country: z.string().optional() }),
    lines: z.array(z.object({ sku: z.string() })),
  }),
  watchers: { watcher: topicTrigger({ topics: ["t"] }) },
});
export const payments = defineAsset("payments", {
  schema: z.object({ orderId: z.string(), amount: z.number(), method: z.enum(["card", "transfer"]) }),
  watchers: { watcher: topicTrigger({ topics: ["t"] }) },
});
export const delivered = defineAsset("file_delivered", {
  schema: z.object({ bucket: z.string(), path: z.string(), bytes: z.number() }),
  watchers: { watcher: topicTrigger({ topics: ["t"] }) },
});
export const edits = defineAsset("document_edits", {
  schema: z.object({ document: z.string(), author: z.string(), text: z.string() }),
  watchers: { watcher: topicTrigger({ topics: ["t"] }) },
});
export const heartbeats = defineAsset("heartbeats", {
  schema: z.object({ device: z.string() }),
  watchers: { watcher: topicTrigger({ topics: ["t"] }) },
});
