// Right expressions must pass: a false alarm is worse than a missed slip.
import { defineAsset, each } from "@millrace/sdk";
import { z } from "zod";
import { orders } from "./assets.ts";
const loose = defineAsset("loose");
const map = defineAsset("map", { schema: z.record(z.string(), z.number()) });
const union = defineAsset("union", {
  schema: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("a"), x: z.number() }),
    z.object({ kind: z.literal("b"), y: z.object({ z: z.string() }).nullable() }),
  ]),
});
const deep = defineAsset("deep", {
  schema: z.object({
    a: z.object({ b: z.object({ c: z.object({ d: z.object({ e: z.number(), at: z.date() }) }) }) }),
    tags: z.record(z.string(), z.object({ v: z.number() })),
    any: z.any(),
    list: z.array(z.string()).optional(),
  }),
});
each(orders, { where: 'has(payload.customer.country) && payload.customer.country != "DE"' });
each(orders, { where: 'payload.lines.exists(l, l.sku == "x")' });
each(orders, { where: "payload.lines[0].sku == 'payload.nope'", key: 'payload.customer.id + "/" + payload.id' });
each(orders, { where: 'headers["x-kind"] == "y" && event.payload.total > 1.0' });
each(orders, { where: 'payload.customer.id in ["a", "b"] || size(payload.lines) > 0' });
each(orders, { where: 'payload.?customer.?country.orValue("DE") == "DE"' });
each(orders, { where: 'payload.customer.id.startsWith("it\'s") && payload.total > 0.0' });
each(orders, {
  where: `
  payload.total > 100.0
  && payload.customer.country.matches("^(DE|AT)$")
  && !(payload.id.endsWith("-test") || payload.customer.id == "0")
  && payload.total < 1000000.0 && payload.lines.all(line, line.sku.size() > 3) && payload.lines.map(l, l.sku).size() < 100
  && (payload.total > 5.0 ? payload.customer.id != "" : payload.id != "") && payload.total > 100.0 && payload.customer.id != "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
`,
});
each(orders, { where: 'payload.id == "a \\" payload.nope" && payload.total > 1.0' });
each(loose, { where: "payload.whatever.deep > 1", key: "payload.x" });
each(map, { where: "payload.anything > 1.0" });
each(union, { where: 'payload.kind == "a" && payload.x > 1.0 || payload.y.z == "q"' });
each(deep, {
  where:
    "payload.a.b.c.d.e > 1.0 && payload.tags.foo.v > 1.0 && payload.any.b.c && payload.list.size() > 0 && payload.a.b.c.d.at.getFullYear() > 2000",
  key: "string(payload.a.b.c.d.e)",
});
const dynamic: string = "payload.x" + 1;
each(orders, { where: dynamic });
each(orders, { where: `payload.total > ${process()}` });
declare function process(): number;
// and these must not
// @ts-expect-error
each(union, { where: "payload.w > 1.0" });
// @ts-expect-error
each(deep, { where: "payload.a.b.c.d.f > 1.0" });
// @ts-expect-error
each(orders, { where: "payload." });
each(orders, { where: "event.extra.payload.nope == 1" });
each(orders, { where: "mypayload.nope == 1" });
