// Mistakes that authors make; messages.txt holds what the compiler says to each. Not part of the project's own tsconfig.
import { absence, all, any, batch, cron, defineAsset, defineDag, each, every, sequence, type Trigger } from "@millrace/sdk";
import { z } from "zod";
import { orders, payments, readings } from "../assets.ts";
import { topic, topicTrigger } from "../topic-provider.ts";

const replies = topic({ topic: "r", schema: z.object({ id: z.string(), label: z.string() }) });
const alerts = defineAsset("alerts", { schema: z.object({ score: z.number() }) });

// m01 path typo in where
defineDag("m01", { schedule: each(readings, { where: "payload.celcius > 80.0" }) }, () => {});
// m02 path typo in key
defineDag("m02", { schedule: each(readings, { key: "payload.senser" }) }, () => {});
// m03 nested path typo, second path of the expression
defineDag("m03", { schedule: each(orders, { where: "payload.total > 1.0 && payload.customer.contry == \"DE\"" }) }, () => {});
// m04 order: "key" without key
defineDag("m04", { schedule: each(readings, { order: "key" }) }, () => {});
// m05 maxActivePerKey without key
defineDag("m05", { schedule: each(readings, { maxActivePerKey: 1 }) }, () => {});
// m06 duration
defineDag("m06", { schedule: batch(readings, { maxWait: "5 mins" }) }, () => {});
// m07 duration in task options
defineDag("m07", { schedule: readings }, (dag) => { dag.task("t", { timeout: "10 minutes" }, () => 1); });
// m08 cron out of range
defineDag("m08", { schedule: cron("0 25 * * *") }, () => {});
// m09 cron with four fields
defineDag("m09", { schedule: cron("0 6 * *") }, () => {});
// m10 cron name
defineDag("m10", { schedule: cron("@dayly") }, () => {});
// m11 unknown need
defineDag("m11", { schedule: readings }, (dag) => { const score = dag.task("s", () => 1); dag.task("t", { needs: { scoer } }, () => 1); });
// m12 need misspelt in the function
defineDag("m12", { schedule: readings }, (dag) => { const score = dag.task("s", () => 1); dag.task("t", { needs: { score } }, ({ scoer }) => scoer); });
// m13 need named like a context field
defineDag("m13", { schedule: readings }, (dag) => { const event = dag.task("s", () => 1); dag.task("t", { needs: { event } }, ({ log }) => log.info("x")); });
// m14 publish: wrong body
defineDag("m14", { schedule: readings }, (dag) => { dag.task("t", ({ publish }) => publish(replies, { id: 1, label: "x" })); });
// m15 publish: missing field
defineDag("m15", { schedule: readings }, (dag) => { dag.task("t", ({ publish }) => publish(replies, { id: "1" })); });
// m16 publish: unknown option of this provider
defineDag("m16", { schedule: readings }, (dag) => { dag.task("t", ({ publish }) => publish(replies, { id: "1", label: "a" }, { priority: 1 })); });
// m17 emit to an asset that is no outlet
defineDag("m17", { schedule: readings }, (dag) => { dag.task("t", { outlets: [alerts] }, ({ emit }) => emit(orders, {} as never)); });
// m18 emit: wrong payload
defineDag("m18", { schedule: readings }, (dag) => { dag.task("t", { outlets: [alerts] }, ({ emit }) => emit(alerts, { score: "high" })); });
// m19 wrong payload field in a task
defineDag("m19", { schedule: readings }, (dag) => { dag.task("t", ({ event }) => event.payload.celcius); });
// m20 batch has no single event
defineDag("m20", { schedule: batch(readings, { maxWait: "1s" }) }, (dag) => { dag.task("t", ({ event }) => event.payload.celsius); });
// m21 any: not narrowed
defineDag("m21", { schedule: any([orders, payments]) }, (dag) => { dag.task("t", ({ event }) => event.payload.amount); });
// m22 join: leg misspelt in the task
defineDag("m22", { schedule: all({ order: orders, payment: payments }, { within: "1h" }) }, (dag) => { dag.task("t", ({ event }) => event.paymnt.payload.amount); });
// m23 join: wrong path for a leg
defineDag("m23", { schedule: all({ order: each(orders, { key: "payload.id" }), payment: each(payments, { key: "payload.orderID" }) }, { within: "1h" }) }, () => {});
// m24 nesting without a meaning
defineDag("m24", { schedule: all([orders, cron("0 6 * * *")]) }, () => {});
defineDag("m24b", { schedule: sequence([orders, batch(payments, { maxWait: "1m" })], { within: "1h" }) }, () => {});
// m25 map over something that is not a list
defineDag("m25", { schedule: readings }, (dag) => { const one = dag.task("s", () => 1); dag.map("m", { over: one }, ({ item }) => item); });
// m26 branch to a choice that is not there
defineDag("m26", { schedule: readings }, (dag) => { const b = dag.branch("b", ({ event }) => event.payload.celsius > 80 ? "hot" : "cold"); dag.task("t", { after: [b.to("warm")] }, () => 1); });
// m27 result may be missing under this trigger rule
defineDag("m27", { schedule: readings }, (dag) => { const n = dag.task("s", () => 1); dag.task("t", { needs: { n }, triggerRule: "all_done" }, ({ n }) => n.toFixed()); });
// m28 trigger rule typo
defineDag("m28", { schedule: readings }, (dag) => { dag.task("t", { triggerRule: "all_sucess" }, () => 1); });
// m29 async build callback
defineDag("m29", { schedule: readings }, async (dag) => { dag.task("t", () => 1); });
// m30 option typo
defineDag("m30", { schedule: readings, retrys: 3 }, () => {});
// m31 task option typo
defineDag("m31", { schedule: readings }, (dag) => { dag.task("t", { retrys: 3 }, () => 1); });
// m32 a topic instead of an asset
defineDag("m32", { schedule: "sensor_readings" }, () => {});
// m33 watcher with wrong params
defineAsset("m33", { watchers: { watcher: topicTrigger({ connection: "k", topic: "readings" }) } });
// m34 trigger where schedule: a trigger is not a schedule
defineDag("m34", { schedule: topicTrigger({ connection: "k", topics: ["x"] }) }, () => {});
// m35 run never had this param
defineDag("m35", { schedule: readings, params: z.object({ limit: z.number() }) }, (dag) => { dag.task("t", ({ params }) => params.limt); });
// m36 onTimeout: "run" → an event may be missing
defineDag("m36", { schedule: all({ order: orders, payment: payments }, { within: "1h", onTimeout: "run" }) }, (dag) => { dag.task("t", ({ event }) => event.payment.payload.amount); });
// m37 absence has no event
defineDag("m37", { schedule: absence(readings, { within: "1h", key: "payload.sensor" }) }, (dag) => { dag.task("t", ({ event }) => event.payload); });
// m38 approval default not among options
defineDag("m38", { schedule: readings }, (dag) => { dag.approval("ok", { message: "?", options: ["yes", "no"], onTimeout: "nope" }); });
// m39 every with bad duration
defineDag("m39", { schedule: every("5min") }, () => {});
// m40 result that is not JSON
defineDag("m40", { schedule: readings }, (dag) => { const when = dag.task("s", () => new Date()); dag.task("t", { needs: { when } }, ({ when }) => when.getTime()); });
// m41 forgotten needs option object: needs given as list
defineDag("m41", { schedule: readings }, (dag) => { const score = dag.task("s", () => 1); dag.task("t", { needs: [score] }, () => 1); });
// m42 missing await: task returns undefined use
defineDag("m42", { schedule: readings }, (dag) => { const s = dag.task("s", async () => ({ a: 1 })); dag.task("t", { needs: { s } }, ({ s }) => s.b); });
// m43 dedupeKey path typo
defineAsset("m43", { schema: z.object({ id: z.string() }), dedupeKey: "payload.idd" });
// m44 dedupeKey before the schema
defineAsset("m44", { dedupeKey: "payload.idd", schema: z.object({ id: z.string() }) });
// m45 where sees what goes into the schema, not what comes out
const coded = defineAsset("coded", { schema: z.object({ at: z.string().transform((text) => ({ year: Number(text) })) }) });
defineDag("m45", { schedule: each(coded, { where: "payload.when != ''" }) }, () => {});
// m46 emit takes what goes into the schema
defineDag("m46", { schedule: readings }, (dag) => { dag.task("t", { outlets: [coded] }, ({ emit }) => emit(coded, { at: { year: 1 } })); });
// m47 a need with a name that a later version gives the context
defineDag("m47", { schedule: readings }, (dag) => { const item = dag.task("s", () => 1); dag.task("t", { needs: { item } }, () => 1); });
// m48 publishNow is not there yet
defineDag("m48", { schedule: readings }, (dag) => { dag.task("t", ({ publishNow }) => publishNow); });
// m49 a DAG that runs by hand has no event
defineDag("m49", {}, (dag) => { dag.task("t", ({ event }) => event.payload); });
// m50 a result that holds a Map, deep inside
defineDag("m50", { schedule: readings }, (dag) => { dag.task("t", () => ({ rows: [{ index: new Map([["a", 1]]) }] })); });
// m51 isolation typo
defineDag("m51", { schedule: readings }, (dag) => { dag.task("t", { isolation: "thread" }, () => 1); });
// m52 not a Standard Schema
defineAsset("m52", { schema: { type: "object" } });
// m53 a list of one asset waits for all that is pending: there is no single event
defineDag("m53", { schedule: [readings] }, (dag) => { dag.task("t", ({ event }) => event.payload); });
// m54 outlets are assets, not their names
defineDag("m54", { schedule: readings }, (dag) => { dag.task("t", { outlets: ["alerts"] }, () => 1); });
// m55 a retention that is neither a duration nor 'forever'
defineDag("m55", { schedule: readings, retention: "always" }, (dag) => { dag.task("t", () => 1); });
// m91 a trigger that is only for deferral watches nothing
declare const untilFile: Trigger & { readonly for: "deferral" };
defineAsset("m91", { watchers: { w: untilFile } });
