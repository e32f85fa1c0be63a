import { setTimeout as sleep } from "node:timers/promises";
import { defineTrigger } from "@millrace/sdk";
import { z } from "zod";

export const Order = z.object({ id: z.number(), customer: z.string(), total: z.number() });

/** The orders of a shop's API, each once and in order. */
export const orderFeed = defineTrigger({
  kind: "shop.order_feed",
  params: z.object({ url: z.url(), pollMs: z.number().default(1_000) }),
  cursor: z.object({ after: z.number() }),
  // Another interval is no other feed: ids and cursor stay.
  source: ({ url }) => url,
  run: async function* ({ params: { url, pollMs }, cursor, signal, connection, log }) {
    const { password } = await connection("shop_api");
    let after = cursor?.after ?? 0;
    while (!signal.aborted) {
      const response = await fetch(`${url}/orders?after=${after}`, { signal, headers: { authorization: `Bearer ${password}` } });
      if (!response.ok) throw new Error(`the shop answered ${response.status}`);
      const orders = z.array(Order).parse(await response.json());
      if (orders.length > 0) log.info("orders came", { count: orders.length });
      // Returns once all of them are stored, with the cursor of the last.
      yield orders.map((order) => ({ payload: order, id: String(order.id), key: order.customer, cursor: { after: order.id } }));
      after = orders.at(-1)?.id ?? after;
      if (orders.length === 0) await sleep(pollMs, undefined, { signal });
    }
  },
});
