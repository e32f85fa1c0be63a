import { randomInt } from "node:crypto";
import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { EventReplayBody, ReplayedForDagBody } from "../asset-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import { confirm } from "../confirm.ts";
import type { CommandContext } from "../create-program.ts";
import { EXIT } from "../exit-code.ts";
import { formatCount } from "../output/format-value.ts";
import { formatTable, print } from "../output/print.ts";
import { ProgressBar } from "../output/progress-bar.ts";
import { readSince } from "../read-since.ts";
import { findAsset } from "./find-asset.ts";
import { openClient } from "./open-client.ts";

export interface ReplayEventsOptions extends ClientOptions {
  readonly since?: string;
  readonly until?: string;
  readonly asset?: string;
  readonly all?: boolean;
  readonly where?: string;
  readonly dag?: string;
  readonly onlyWithoutRun?: boolean;
  readonly replayId?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

type Selection = Readonly<Record<string, unknown>>;
type Total = Omit<EventReplayBody, "total" | "waits_for" | "next_after_id">;

const MAX_REPLAY_ID = 2 ** 48 - 2;
const FULL_RETRY_MS = 1_000;

export async function replayEvents(context: CommandContext, ids: readonly string[], options: ReplayEventsOptions): Promise<void> {
  const client = openClient(context, options);
  const selection = await readSelection(client, ids, options);
  const replayId = readReplayId(options.replayId);
  const isDryRun = options.dryRun === true;
  // A script, which has no terminal, means what it says.
  if (!isDryRun && options.yes !== true && process.stdin.isTTY === true) {
    const expected = await walk(client, { ...selection, replay_id: replayId, dry_run: true }, new ProgressBar());
    process.stderr.write(`${describe(expected)}\n`);
    if (!(await confirm("Replay them?"))) {
      context.setExitCode(EXIT.failure);
      return;
    }
  }
  const total = await walk(client, { ...selection, replay_id: replayId, dry_run: isDryRun }, new ProgressBar()).catch((error: unknown) => {
    if (!isDryRun) process.stderr.write(`not all was replayed: the same command with --replay-id ${replayId} goes on\n`);
    throw error;
  });
  print(options.output, total, () => describe(total));
}

/** Request by request, to the end; waits where an inbox is full. Interrupted, it goes on by `--replay-id`. */
async function walk(client: ApiClient, body: Selection, bar: ProgressBar): Promise<Total> {
  let sum: Total | null = null;
  let expected = 0;
  let after: { after_id: number } | object = {};
  for (;;) {
    const answer: EventReplayBody = await client.post<EventReplayBody>("/assetEvents/replay", { ...body, ...after });
    expected = answer.total ?? expected;
    sum = sum === null ? answer : add(sum, answer);
    const [full] = answer.waits_for;
    bar.show(sum.looked_at, expected, full === undefined ? `replay ${sum.replay_id}` : describeFull(full));
    if (answer.next_after_id === null) break;
    after = { after_id: answer.next_after_id };
    if (full !== undefined) await new Promise((resolve) => setTimeout(resolve, FULL_RETRY_MS));
  }
  bar.clear();
  const { replay_id, dry_run, looked_at, selected, failed, failure, of_one_run, dags } = sum;
  return { replay_id, dry_run, looked_at, selected, failed, failure, of_one_run, dags };
}

function add(a: Total, b: Total): Total {
  const dags = [...Map.groupBy([...a.dags, ...b.dags], ({ dag_id: dagId }) => dagId).values()].map((ofDag) => ofDag.reduce(addDag));
  return {
    ...a,
    looked_at: a.looked_at + b.looked_at,
    selected: a.selected + b.selected,
    failed: a.failed + b.failed,
    failure: a.failure ?? b.failure,
    of_one_run: a.of_one_run + b.of_one_run,
    dags,
  };
}

function addDag(a: ReplayedForDagBody, b: ReplayedForDagBody): ReplayedForDagBody {
  return {
    dag_id: a.dag_id,
    events: a.events + b.events,
    with_run: a.with_run + b.with_run,
    filtered: a.filtered + b.filtered,
    repeated: a.repeated + b.repeated,
    not_subscribed: a.not_subscribed + b.not_subscribed,
  };
}

/** `until` is fixed at the beginning: what arrives meanwhile is not meant. @throws {MillraceError} USAGE, ASSET_NOT_FOUND */
async function readSelection(client: ApiClient, ids: readonly string[], options: ReplayEventsOptions): Promise<Selection> {
  const { since, until, asset, all, where, dag, onlyWithoutRun } = options;
  const isSelected = ids.length > 0 || asset !== undefined || since !== undefined;
  if (isSelected === (all === true)) {
    const got = isSelected ? "--all beside them" : "none of them";
    throw new MillraceError("USAGE", `expected ids of events, --asset, --since, or --all alone, got ${got}`, {
      hint: "`millrace events list` shows the ids",
    });
  }
  const wrong = ids.find((id) => !/^\d{1,15}$/.test(id));
  if (wrong !== undefined)
    throw new MillraceError("USAGE", `expected the id of an event, a number, got '${wrong}'`, {
      hint: "`millrace events list` shows the ids",
    });
  const now = Date.now();
  const fields = {
    ids: ids.length > 0 ? ids.map(Number) : undefined,
    asset_id: asset === undefined ? undefined : (await findAsset(client, asset)).id,
    since: since === undefined ? undefined : readSince("--since", since, now),
    until: until === undefined ? new Date(now + 1).toISOString() : readSince("--until", until, now),
    all: all === true ? true : undefined,
    where,
    dag_id: dag,
    only_without_run: onlyWithoutRun,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** @throws {MillraceError} USAGE */
function readReplayId(text: string | undefined): number {
  if (text === undefined) return randomInt(1, MAX_REPLAY_ID);
  const id = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (id >= 1 && id <= MAX_REPLAY_ID) return id;
  throw new MillraceError("USAGE", `--replay-id: expected the id that a replay printed, a number, got '${text}'`);
}

function describeFull({ dag_id: dag, events, is_paused: isPaused }: EventReplayBody["waits_for"][number]): string {
  return `waits: ${formatCount(events, "event")} of ${dag} are not decided yet${isPaused ? " (it is paused)" : ""}`;
}

function describe(total: Total): string {
  const { dry_run: isDryRun, replay_id: id, dags, looked_at: looked, selected, failed, failure, of_one_run: ofOneRun } = total;
  const sum = dags.reduce((events, one) => events + one.events, 0);
  const counts = [
    `${isDryRun ? "would replay" : `replay ${id}: replayed`} ${formatCount(sum, "event")} for ${formatCount(dags.filter(({ events }) => events > 0).length, "DAG")}, of ${looked} looked at and ${selected} selected`,
    ...(ofOneRun > 0 ? [`${ofOneRun} made for a run by hand are left out`] : []),
    ...(failed > 0 ? [`${failed} left out since --where could not be computed, such as ${failure}`] : []),
  ];
  if (dags.length === 0) return counts.join("\n");
  const columns = [
    { title: "DAG", cell: (one: ReplayedForDagBody) => one.dag_id },
    { title: isDryRun ? "WOULD GO" : "REPLAYED", cell: (one: ReplayedForDagBody) => String(one.events) },
    { title: "LEFT OUT", cell: describeLeftOut },
  ];
  return [...counts, formatTable(dags, columns, "")].join("\n");
}

function describeLeftOut({ with_run, filtered, repeated, not_subscribed }: ReplayedForDagBody): string {
  const parts: readonly (readonly [number, string])[] = [
    [with_run, "with a run, or waiting"],
    [filtered, "filtered by its schedule"],
    [repeated, "added by this replay before"],
    [not_subscribed, "of assets it is no longer scheduled on"],
  ];
  return parts.flatMap(([count, why]) => (count > 0 ? [`${count} ${why}`] : [])).join(", ");
}
