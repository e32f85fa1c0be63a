import { type Static, Type } from "typebox";
import type { DeadLetterOutcome, ReplayedDeadLetter } from "../../domain/dead-letter.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { DeadLetterFilter, Reads } from "../../domain/reads.ts";
import type { ApiContext, ApiServer } from "../api-context.ts";
import { actorOf } from "../auth/require-role.ts";
import { NullableInteger, NullableText } from "../resources/nullable.ts";

/** What one request looks at: a caller goes on with `next_after_id`. */
const MAX_LETTERS = 1_000;
/** Read and stored together: messages may be megabytes long. */
const LETTERS_PER_PAGE = 50;

const Selection = {
  ids: Type.Optional(Type.Array(Type.Integer(), { minItems: 1, maxItems: MAX_LETTERS })),
  asset_id: Type.Optional(Type.Integer()),
  all: Type.Optional(Type.Literal(true)),
  after_id: Type.Optional(Type.Integer({ description: "next_after_id of the answer before" })),
  dry_run: Type.Optional(Type.Boolean({ description: "only says what would be done" })),
};
const DeadLetterSelection = Type.Object(Selection, { additionalProperties: false });
const next = { description: `null where there are no more: a request looks at ${MAX_LETTERS} letters at most`, ...NullableInteger };
const Replay = Type.Object({
  dry_run: Type.Boolean(),
  replayed: Type.Integer(),
  dropped: Type.Integer(),
  kept: Type.Integer(),
  gone: Type.Integer(),
  asset_events: Type.Integer(),
  dag_runs: Type.Integer(),
  dead_letters: Type.Array(
    Type.Object({
      id: Type.Integer(),
      outcome: Type.String(),
      asset_events: Type.Integer(),
      dag_runs: Type.Integer(),
      reason: NullableText,
    }),
  ),
  next_after_id: next,
});
const Discard = Type.Object({ dry_run: Type.Boolean(), discarded: Type.Integer(), next_after_id: next });
const tags = ["Dead Letter"];
const config = { role: "operator" } as const;

export function deadLetterChangeRoutes(app: ApiServer, { reads, engine, audit, clock }: ApiContext): void {
  const replay = {
    tags,
    summary: "Takes dead letters again, by their assets as they are now",
    body: DeadLetterSelection,
    response: { 200: Replay },
  };
  app.post("/api/v2/deadLetters/replay", { config, schema: replay }, async ({ body, account }) => {
    const filter = await readSelection(body, reads);
    const { dry_run: isDryRun = false, after_id: afterId = -1 } = body;
    const done: ReplayedDeadLetter[] = [];
    let after: number | null = afterId;
    while (after !== null && done.length < MAX_LETTERS) {
      const page = await reads.deadLetters.walk(filter, after, LETTERS_PER_PAGE);
      done.push(...(await engine.replayDeadLetters(page, { isDryRun })));
      after = page.length < LETTERS_PER_PAGE ? null : page.at(-1)!.id;
    }
    const answer = { dry_run: isDryRun, ...count(done), dead_letters: done.map(toOutcome), next_after_id: after };
    const { replayed, dropped, kept } = answer;
    if (!isDryRun) await audit.record(actorOf({ account }, clock), "dead_letter.replay", describe(body), { replayed, dropped, kept });
    return answer;
  });
  const discard = { tags, summary: "Gives dead letters up", body: DeadLetterSelection, response: { 200: Discard } };
  app.post("/api/v2/deadLetters/discard", { config, schema: discard }, async ({ body, account }) => {
    const filter = await readSelection(body, reads);
    const { dry_run: isDryRun = false, after_id: afterId = -1 } = body;
    const ids = await reads.deadLetters.walkIds(filter, afterId, MAX_LETTERS);
    const discarded = isDryRun ? ids.length : await engine.discardDeadLetters(ids);
    if (!isDryRun) await audit.record(actorOf({ account }, clock), "dead_letter.discard", describe(body), { discarded });
    return { dry_run: isDryRun, discarded, next_after_id: ids.length < MAX_LETTERS ? null : ids.at(-1)! };
  });
}

/** @throws {MillraceError} BAD_REQUEST unless there is exactly one; NOT_FOUND for an id that there is not */
async function readSelection(body: Static<typeof DeadLetterSelection>, reads: Reads): Promise<DeadLetterFilter> {
  const { ids, asset_id: assetId, all } = body;
  const given = [ids, assetId, all].filter((one) => one !== undefined).length;
  if (given !== 1)
    throw new MillraceError("BAD_REQUEST", `expected one of the fields 'ids', 'asset_id' and 'all', got ${given === 0 ? "none" : given}`);
  if (ids === undefined) return { assetId };
  const found = new Set(await reads.deadLetters.walkIds({ ids }, -1, ids.length));
  const missing = ids.find((id) => !found.has(id));
  if (missing === undefined) return { ids };
  throw new MillraceError("NOT_FOUND", `there is no dead letter with id ${missing}; nothing was done`, {
    hint: "`millrace dead-letters list` shows the newest",
  });
}

function count(done: readonly ReplayedDeadLetter[]) {
  const of = (outcome: DeadLetterOutcome): number => done.filter((one) => one.outcome === outcome).length;
  const sum = (field: "events" | "runs"): number => done.reduce((total, one) => total + one[field], 0);
  const outcomes = { replayed: of("replayed"), dropped: of("dropped"), kept: of("kept"), gone: of("gone") };
  return { ...outcomes, asset_events: sum("events"), dag_runs: sum("runs") };
}

function toOutcome({ id, outcome, events, runs, reason }: ReplayedDeadLetter) {
  return { id, outcome, asset_events: events, dag_runs: runs, reason };
}

/** As the audit log names them. */
function describe({ ids, asset_id: assetId }: Static<typeof DeadLetterSelection>): string {
  if (ids !== undefined) return ids.length > 10 ? `${ids.slice(0, 10).join(", ")} and ${ids.length - 10} more` : ids.join(", ");
  return assetId === undefined ? "all" : `asset ${assetId}`;
}
