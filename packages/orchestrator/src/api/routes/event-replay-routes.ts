import { randomInt } from "node:crypto";
import { type Static, Type } from "typebox";
import type { EventReplayPage, ReplayedForDag, ReplayFilter } from "../../domain/event-replay.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { Reads } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";
import { nullable, NullableInteger, NullableText } from "../resources/nullable.ts";

/** What one request looks at: a caller goes on with `next_after_id`. */
const MAX_EVENTS = 5_000;
const MAX_REQUEST_MS = 5_000;
const EVENTS_PER_PAGE = 500;
const MAX_IDS = 1_000;
const MAX_REPLAY_ID = 2 ** 48 - 2;

const Body = Type.Object(
  {
    ids: Type.Optional(Type.Array(Type.Integer(), { minItems: 1, maxItems: MAX_IDS })),
    asset_id: Type.Optional(Type.Integer()),
    since: Type.Optional(Type.String({ format: "date-time", description: "stored then or later" })),
    until: Type.Optional(Type.String({ format: "date-time", description: "stored before; now, where it is left out" })),
    all: Type.Optional(Type.Literal(true)),
    where: Type.Optional(Type.String({ description: "CEL over payload, headers, key, asset and event", maxLength: 4_096 })),
    dag_id: Type.Optional(Type.String({ description: "only for this DAG; left out: for all that are subscribed" })),
    only_without_run: Type.Optional(Type.Boolean({ description: "only events that started no run of the DAG and do not wait for it" })),
    replay_id: Type.Optional(
      Type.Integer({ minimum: 1, maximum: MAX_REPLAY_ID, description: "of the answer before: what it has added it does not add again" }),
    ),
    after_id: Type.Optional(Type.Integer({ description: "next_after_id of the answer before" })),
    dry_run: Type.Optional(Type.Boolean({ description: "only says what would be done" })),
  },
  { additionalProperties: false },
);
const ForDag = Type.Object({
  dag_id: Type.String(),
  events: Type.Integer({ description: "into its inbox" }),
  with_run: Type.Integer({ description: "left out by only_without_run" }),
  filtered: Type.Integer({ description: "that its schedule's filters do not take" }),
  repeated: Type.Integer({ description: "that this replay had added before" }),
  not_subscribed: Type.Integer({ description: "of assets that it is not scheduled on any more" }),
});
const Full = Type.Object({ dag_id: Type.String(), events: Type.Integer(), is_paused: Type.Boolean() });
const Answer = Type.Object({
  replay_id: Type.Integer(),
  dry_run: Type.Boolean(),
  looked_at: Type.Integer(),
  total: nullable(Type.Integer({ description: "to look at in all; in the first answer only" })),
  selected: Type.Integer(),
  failed: Type.Integer({ description: "for which `where` could not be computed: they are not replayed" }),
  failure: NullableText,
  of_one_run: Type.Integer({ description: "made for a run by hand: they are its alone" }),
  dags: Type.Array(ForDag),
  waits_for: Type.Array(Full, { description: "DAGs whose inbox is too full at the moment: ask again" }),
  next_after_id: { description: "null where there are no more", ...NullableInteger },
});

export function eventReplayRoutes(app: ApiServer, context: ApiContext): void {
  const schema = {
    tags: ["Asset"],
    summary: "Has stored events decided once more, by the DAGs as they are now",
    body: Body,
    response: { 200: Answer },
  };
  app.post("/api/v2/assetEvents/replay", { config: { role: "operator" }, schema }, async ({ body, account }) => {
    const filter = await readFilter(body, context);
    const answer = await replay(body, filter, context);
    if (!answer.dry_run) await record(answer);
    return answer;

    async function record({ replay_id: id, dags }: Static<typeof Answer>): Promise<void> {
      const counts = Object.fromEntries(dags.map((one) => [one.dag_id, one.events]));
      const detail = { ...describe(body), after_id: body.after_id ?? null, dags: counts };
      await context.audit.record(actorOf({ account }, context.clock), "asset_event.replay", String(id), detail);
    }
  });
}

async function replay(body: Static<typeof Body>, filter: ReplayFilter, context: ApiContext): Promise<Static<typeof Answer>> {
  const { reads, engine, clock } = context;
  const replayId = body.replay_id ?? randomInt(1, MAX_REPLAY_ID);
  const request = {
    replayId,
    dagId: body.dag_id ?? null,
    isOnlyWithoutRun: body.only_without_run === true,
    isDryRun: body.dry_run === true,
    where: body.where ?? null,
  };
  const total = body.after_id === undefined ? await reads.replay.count(filter) : null;
  const end = clock.monotonic() + MAX_REQUEST_MS;
  const pages: EventReplayPage[] = [];
  let looked = 0;
  let after: number | null = body.after_id ?? -1;
  while (after !== null && looked < MAX_EVENTS && clock.monotonic() < end) {
    const candidates = await reads.replay.walk(filter, after, EVENTS_PER_PAGE);
    // Also of none: an expression or a DAG that is wrong is refused whatever there is.
    const page = await engine.replayEvents(candidates, request);
    pages.push(page);
    if (page.full.length > 0) break;
    looked += candidates.length;
    after = candidates.at(-1)?.event.id ?? null;
  }
  return { replay_id: replayId, dry_run: request.isDryRun, looked_at: looked, total, ...sumOf(pages), next_after_id: after };
}

function sumOf(pages: readonly EventReplayPage[]) {
  const full = pages.at(-1)?.full ?? [];
  // Of the page that found no room nothing was done.
  const done = full.length > 0 ? pages.slice(0, -1) : pages;
  const sum = (field: "selected" | "failed" | "ofOneRun"): number => done.reduce((total, page) => total + page[field], 0);
  return {
    selected: sum("selected"),
    failed: sum("failed"),
    failure: done.find(({ failure }) => failure !== null)?.failure ?? null,
    of_one_run: sum("ofOneRun"),
    dags: sumDags(done.flatMap(({ dags }) => dags)),
    waits_for: full.map(({ dagId, events, isPaused }) => ({ dag_id: dagId, events, is_paused: isPaused })),
  };
}

function sumDags(all: readonly ReplayedForDag[]): Static<typeof ForDag>[] {
  return [...Map.groupBy(all, ({ dagId }) => dagId)].map(([dagId, ofDag]) => {
    const sum = (field: Exclude<keyof ReplayedForDag, "dagId">): number => ofDag.reduce((total, one) => total + one[field], 0);
    const left = { with_run: sum("withRun"), filtered: sum("filtered"), repeated: sum("repeated"), not_subscribed: sum("notSubscribed") };
    return { dag_id: dagId, events: sum("events"), ...left };
  });
}

/** @throws {MillraceError} BAD_REQUEST where nothing says which; ASSET_EVENT_NOT_FOUND for an id that there is not */
async function readFilter(
  { ids, asset_id: assetId, since, until, all }: Static<typeof Body>,
  { reads, clock }: ApiContext,
): Promise<ReplayFilter> {
  const isSelected = ids !== undefined || assetId !== undefined || since !== undefined;
  if (isSelected === (all === true)) {
    const got = isSelected ? "'all' and others" : "none";
    throw new MillraceError("BAD_REQUEST", `expected 'ids', 'asset_id' or 'since', or 'all' alone, got ${got}`);
  }
  if (ids !== undefined) await assertEvents(ids, reads);
  const from = since === undefined ? {} : { from: Date.parse(since) };
  return { ids, assetId, created: { ...from, before: until === undefined ? clock.now() + 1 : Date.parse(until) } };
}

async function assertEvents(ids: readonly number[], reads: Reads): Promise<void> {
  const found = await reads.replay.existing(ids);
  const missing = ids.find((id) => !found.has(id));
  if (missing !== undefined)
    throw new MillraceError("ASSET_EVENT_NOT_FOUND", `there is no asset event with id ${missing}; nothing was done`);
}

/** As the audit log names them. */
function describe({ ids, asset_id, since, until, where, dag_id, only_without_run }: Static<typeof Body>): object {
  const some = ids === undefined ? {} : { ids: ids.slice(0, 10), ...(ids.length > 10 && { more_ids: ids.length - 10 }) };
  return {
    ...some,
    ...Object.fromEntries(
      Object.entries({ asset_id, since, until, where, dag_id, only_without_run }).filter(([, value]) => value !== undefined),
    ),
  };
}
