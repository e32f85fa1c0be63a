// What a watcher can be. Compiled, never run.
import { defineAsset, defineTrigger, type EventTrigger, messageQueue, messageQueueTrigger, type Trigger } from "@millrace/sdk";
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

// Triggers of one's own -------------------------------------------------------------------------------------------------

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(_: Same<A, B>): void;

const orders = defineTrigger({
  kind: "acme.orders",
  params: z.object({ url: z.url(), everyMs: z.number().default(1000) }),
  cursor: z.object({ since: z.string() }),
  source: (params) => params.url,
  run: async function* ({ params, cursor, signal, log, connection, variable }) {
    same<typeof params, { url: string; everyMs: number }>(true);
    same<typeof cursor, { since: string } | undefined>(true);
    same<typeof signal, AbortSignal>(true);
    same<Awaited<ReturnType<typeof variable>>, string>(true);
    log.info((await connection("api")).id);
    yield { payload: 1, id: "1", cursor: { since: "x" } };
    yield [{ payload: 1 }, { payload: 2, key: "k", headers: { a: "b" }, sentAt: new Date() }];
  },
});
const ticks = defineTrigger({
  kind: "acme.ticks",
  run: async function* () {
    yield { payload: null };
  },
});
const untilThen = defineTrigger({
  kind: "acme.until",
  for: "deferral",
  run: async function* () {
    yield { payload: null };
  },
});
defineAsset("c", { watchers: { orders: orders({ url: "https://x" }), ticks: ticks() } });
// @ts-expect-error it needs params
orders();
// @ts-expect-error misspelled
orders({ ulr: "https://x" });
// @ts-expect-error only for deferral
defineAsset("c", { watchers: { w: untilThen() } });
defineTrigger({
  kind: "a.b",
  // @ts-expect-error a cursor of another type
  cursor: z.object({ n: z.number() }),
  run: async function* () {
    yield { payload: 1, cursor: { n: "1" } };
  },
});
defineTrigger({
  kind: "a.b",
  // @ts-expect-error no payload
  run: async function* () {
    yield { id: "1" };
  },
});
