import { defineAsset, defineDag, each } from "@millrace/sdk";
import { Order, orderFeed } from "./order-feed.ts";

const orders = defineAsset("shop_orders", {
  schema: Order,
  watchers: { feed: orderFeed({ url: "http://127.0.0.1:4570", pollMs: 250 }) },
});

export default defineDag("check_order", { schedule: each(orders, { where: "payload.total >= 100" }) }, (dag) => {
  dag.task("check", ({ event, log }) => {
    const { id, customer, total } = event.payload;
    log.info(`a large order, by ${customer}`, { id, total });
    return id;
  });
});
