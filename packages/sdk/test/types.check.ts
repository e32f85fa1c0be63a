// What each pattern gives a task, as exact types. Compiled, never run: most patterns do not work yet.
import {
  absence,
  all,
  any,
  type AssetEvent,
  assetsMatching,
  batch,
  type Cel,
  coalesce,
  cron,
  type Dag,
  debounce,
  defineAsset,
  defineAssetDag,
  defineDag,
  each,
  type Infer,
  type InputOf,
  type PayloadOf,
  type RawPayloadOf,
  type Schedule,
  sequence,
  unchecked,
} from "@millrace/sdk";
import { z } from "zod";
import { topic } from "./topic-provider.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(_: Same<A, B>): void;
declare function input<const S extends Schedule>(_: S): InputOf<S>;

const a = defineAsset("a", { schema: z.object({ x: z.number() }) });
const b = defineAsset("b", { schema: z.object({ y: z.string() }) });
type A = AssetEvent<"a", { x: number }>;
type B = AssetEvent<"b", { y: string }>;

// Patterns -----------------------------------------------------------------------------------------------------------

const asset = input(a);
same<typeof asset.event, A>(true);
same<typeof asset.events, readonly [A]>(true);
const plain = input(each(a));
same<typeof plain.event, A>(true);
same<typeof plain.key, undefined>(true);
const keyed = input(each(a, { key: "payload.x" }));
same<typeof keyed.key, string>(true);
const batched = input(batch(a, { maxWait: "1s" }));
same<typeof batched.events, readonly A[]>(true);
same<typeof batched.event, undefined>(true);
const debounced = input(debounce(a, { quiet: "1s" }));
same<typeof debounced.events, readonly A[]>(true);
const coalesced = input(coalesce(a));
same<typeof coalesced.events, readonly A[]>(true);
const joined = input(all([a, b]));
same<typeof joined.event, readonly [A, B]>(true);
same<typeof joined.events, readonly [readonly A[], readonly B[]]>(true);
const named = input(all({ a, b }));
same<typeof named.event.b, B>(true);
const either = input(any([a, b]));
same<typeof either.event, A | B>(true);
if (either.event.asset === "b") same<typeof either.event, B>(true);
const ordered = input(sequence([a, b], { within: "1h" }));
same<typeof ordered.event, readonly [A, B]>(true);
const absent = input(absence(a, { within: "1h", key: "payload.x" }));
same<typeof absent.key, string>(true);
same<typeof absent.lastEvent, A | undefined>(true);
const list = input([a, b]);
same<typeof list.events, readonly [readonly A[], readonly B[]]>(true);
const listOfOne = input([a]);
same<typeof listOfOne.pattern, "coalesce">(true);
same<typeof listOfOne.events, readonly A[]>(true);
const assetOrTime = input(any([all([a, b]), cron("0 6 * * *")]));
if (assetOrTime.pattern === "cron") same<typeof assetOrTime.event, undefined>(true);
else same<typeof assetOrTime.event, readonly [A, B]>(true);
const nested = input(all({ left: any([a, b]), right: b }));
same<typeof nested.event.left, A | B>(true);
const matching = input(assetsMatching<{ n: number }>("orders/*"));
same<typeof matching.event.payload, { n: number }>(true);
const legs = input(
  all({ a: each(a, { key: "payload.x" }), b: each(b, { key: "payload.y", where: "payload.y != 'payload.zz'" }) }, { within: "1h" }),
);
same<typeof legs.key, string>(true);
same<typeof legs.event.a, A>(true);
const filtered = input(any([each(a, { where: "payload.x > 1" }), b]));
same<typeof filtered.event, A | B>(true);
const byHand = input(null);
same<typeof byHand.event, undefined>(true);
same<typeof byHand.pattern, "manual">(true);

// Schemas: `where`, `emit` and `publish` see what goes in, tasks what comes out -----------------------------------------

const Reading = z.object({ celsius: z.string().transform(Number), unit: z.enum(["C", "F"]).default("C") });
const readings = defineAsset("readings", { schema: Reading });
same<PayloadOf<typeof readings>, { celsius: number; unit: "C" | "F" }>(true);
same<RawPayloadOf<typeof readings>, { celsius: string; unit?: "C" | "F" | undefined }>(true);
same<Infer<typeof Reading>, { celsius: number; unit: "C" | "F" }>(true);
same<Cel<"payload.celsius != ''", RawPayloadOf<typeof readings>>, "payload.celsius != ''">(true);
const anything = defineAsset("anything");
same<PayloadOf<typeof anything>, unknown>(true);
const typed = defineAsset("typed", { schema: unchecked<{ id: string }>() });
same<PayloadOf<typeof typed>, { id: string }>(true);
const queue = topic({ topic: "t", schema: Reading });
const loose = topic({ topic: "t" });

// Tasks --------------------------------------------------------------------------------------------------------------

const dag = defineDag("tasks", { schedule: a, params: z.object({ p: z.number().default(1) }), retries: 2 }, (dag) => {
  const one = dag.task("one", async () => ({ n: 1 }));
  dag.task("two", { needs: { one }, cpu: true, timeout: "1h30m" }, ({ one, params, event }) => {
    same<typeof one, { n: number }>(true);
    same<typeof params, { p: number }>(true);
    same<typeof event, A>(true);
  });
  dag.task("three", { needs: { one }, triggerRule: "all_done" }, ({ one }) => {
    same<typeof one, { n: number } | undefined>(true);
  });
  dag.task("out", { outlets: [readings, anything], inlets: [b] }, ({ emit, publish, connection, variable, run, task, signal, log }) => {
    emit(readings, { celsius: "1" }, { extra: { from: "test" }, partitionKey: "k" });
    emit(anything, [1, 2]);
    publish(queue, { celsius: "1", unit: "F" }, { key: "k" });
    publish(loose, "text");
    same<Awaited<ReturnType<typeof variable>>, string>(true);
    same<Awaited<ReturnType<typeof connection>>["id"], string>(true);
    same<typeof run.logicalDate, Date | null>(true);
    same<typeof task.try, number>(true);
    same<typeof signal, AbortSignal>(true);
    log.info("x", { n: 1 });
  });
  return one;
});
same<typeof dag, Dag<{ p: number }, { n: number }>>(true);

const manual = defineDag("manual", {}, (dag) => {
  dag.task("t", { after: [dag.task("s", () => 1)] }, ({ event, events, pattern }) => {
    same<typeof event, undefined>(true);
    same<typeof events, readonly []>(true);
    same<typeof pattern, "manual">(true);
  });
});
same<typeof manual, Dag<{}, void>>(true);

const revenue = defineAssetDag("revenue", { schema: Reading, schedule: [a, b] }, ({ events: [left, right] }) => {
  same<typeof left, readonly A[]>(true);
  return { celsius: String(right.length) };
});
same<PayloadOf<typeof revenue>, { celsius: number; unit: "C" | "F" }>(true);

// Results that JSON keeps ----------------------------------------------------------------------------------------------

interface Tree {
  readonly name: string;
  readonly children: readonly Tree[];
}
declare function tree(): Promise<Tree>;
defineDag("json", { schedule: null }, (dag) => {
  const t = dag.task("tree", () => tree());
  const u = dag.task("maybe", { needs: { t } }, async ({ t }) => (t.children.length > 0 ? t : null));
  dag.task("use", { needs: { t, u } }, ({ t, u }) => {
    same<typeof t, Tree>(true);
    same<typeof u, Tree | null>(true);
  });
  dag.task("any", () => ({ n: JSON.parse("1") }));
  dag.task("nothing", () => {});
  dag.task("unknown", (): unknown => 1);
  const f = dag.task("union", async () => (Math.random() > 0.5 ? { ok: true as const, n: 1 } : { ok: false as const }));
  const g = dag.task("union_at_once", () => (Math.random() > 0.5 ? { ok: true as const, n: 1 } : "none"));
  dag.task("narrow", { needs: { f, g } }, ({ f, g }) => {
    if (f.ok) same<typeof f.n, number>(true);
    same<typeof g, { ok: true; n: number } | "none">(true);
  });
});

// Airflow's triggering_asset_events, by the names of the assets --------------------------------------------------------

defineDag("triggering", { schedule: all({ left: a, right: any([a, b]) }) }, (dag) => {
  dag.task("t", ({ triggeringAssetEvents }) => {
    same<typeof triggeringAssetEvents, { readonly a: readonly A[]; readonly b: readonly B[] }>(true);
  });
});
defineDag("triggering_one", { schedule: a }, (dag) => {
  dag.task("t", ({ triggeringAssetEvents }) => same<typeof triggeringAssetEvents, { readonly a: readonly A[] }>(true));
});
