// What a watcher can be. Compiled, never run.
import { defineAsset, type EventTrigger, messageQueue, messageQueueTrigger, type Trigger } from "@millrace/sdk";
import { z } from "zod";
import { topicTrigger } from "./topic-provider.ts";

const one = topicTrigger({ topics: ["t"] });
const made: readonly EventTrigger[] = ["a", "b"].map((topic) => topicTrigger({ topics: [topic] }));
declare const untilFile: Trigger & { readonly for: "deferral" };
declare const any: Trigger;

defineAsset("a", {
  watchers: {
    plain: one,
    list: [one, messageQueueTrigger({ queue: "kafka:///t" })],
    made,
    options: { trigger: made, unwrap: ["sns", "s3"], payload: "payload.s3" },
    envelope: { trigger: one, unwrap: "cloudevents" },
  },
});
// @ts-expect-error only for deferral
defineAsset("b", { watchers: { w: untilFile } });
// @ts-expect-error it may be only for deferral
defineAsset("b", { watchers: { w: any } });
// @ts-expect-error in a list
defineAsset("b", { watchers: { w: [one, untilFile] } });
// @ts-expect-error in options
defineAsset("b", { watchers: { w: { trigger: untilFile } } });
// @ts-expect-error no such envelope
defineAsset("b", { watchers: { w: { trigger: one, unwrap: "s4" } } });
// @ts-expect-error misspelled
defineAsset("b", { watchers: { w: { trigger: one, unwarp: "s3" } } });
// @ts-expect-error a URL
messageQueueTrigger({ topic: "t" });

messageQueue({ queue: "kafka:///t", schema: z.object({ n: z.number() }) });
