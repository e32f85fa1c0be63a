import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { DiscardBody, ReplayBody } from "../asset-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatCount, preview, printable } from "../output/format-value.ts";
import { formatTable, print } from "../output/print.ts";
import { findAsset } from "./find-asset.ts";
import { openClient } from "./open-client.ts";

export interface SelectionOptions extends ClientOptions {
  readonly asset?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

interface Selection {
  readonly ids?: readonly number[];
  readonly asset_id?: number;
  readonly all?: true;
}

const MAX_REASON_PREVIEW = 200;
const MAX_SHOWN = 20;

export async function replayDeadLetters(context: CommandContext, ids: readonly string[], options: SelectionOptions): Promise<void> {
  const client = openClient(context, options);
  const answers = await walk<ReplayBody>(client, "replay", await readSelection(client, ids, options), options);
  const sum = (field: "replayed" | "dropped" | "kept" | "gone" | "asset_events" | "dag_runs"): number =>
    answers.reduce((total, answer) => total + answer[field], 0);
  const total = {
    dry_run: options.dryRun === true,
    replayed: sum("replayed"),
    dropped: sum("dropped"),
    kept: sum("kept"),
    gone: sum("gone"),
    asset_events: sum("asset_events"),
    dag_runs: sum("dag_runs"),
    dead_letters: answers.flatMap(({ dead_letters: letters }) => letters),
  };
  print(options.output, total, () => describeReplay(total));
}

export async function discardDeadLetters(context: CommandContext, ids: readonly string[], options: SelectionOptions): Promise<void> {
  const client = openClient(context, options);
  const answers = await walk<DiscardBody>(client, "discard", await readSelection(client, ids, options), options);
  const discarded = answers.reduce((total, answer) => total + answer.discarded, 0);
  const isDryRun = options.dryRun === true;
  print(
    options.output,
    { dry_run: isDryRun, discarded },
    () => `${isDryRun ? "would discard" : "discarded"} ${formatCount(discarded, "dead letter")}`,
  );
}

/** Page by page, to the end. */
async function walk<Body extends { readonly next_after_id: number | null }>(
  client: ApiClient,
  act: "replay" | "discard",
  selection: Selection,
  { dryRun = false }: SelectionOptions,
): Promise<readonly Body[]> {
  const answers: Body[] = [];
  let after: { after_id: number } | object | null = {};
  while (after !== null) {
    const answer: Body = await client.post<Body>(`/deadLetters/${act}`, { ...selection, ...after, dry_run: dryRun });
    answers.push(answer);
    after = answer.next_after_id === null ? null : { after_id: answer.next_after_id };
  }
  return answers;
}

/** @throws {MillraceError} USAGE, ASSET_NOT_FOUND */
async function readSelection(client: ApiClient, ids: readonly string[], { asset, all }: SelectionOptions): Promise<Selection> {
  const given = [ids.length > 0, asset !== undefined, all === true].filter(Boolean).length;
  if (given !== 1)
    throw new MillraceError(
      "USAGE",
      `expected ids of dead letters, --asset or --all, got ${given === 0 ? "none of them" : `${given} of them`}`,
      {
        hint: "`millrace dead-letters list` shows the ids",
      },
    );
  const wrong = ids.find((id) => !/^\d{1,15}$/.test(id));
  if (wrong !== undefined)
    throw new MillraceError("USAGE", `expected the id of a dead letter, a number, got '${wrong}'`, {
      hint: "`millrace dead-letters list` shows the ids",
    });
  if (ids.length > 0) return { ids: ids.map(Number) };
  return asset === undefined ? { all: true } : { asset_id: (await findAsset(client, asset)).id };
}

function describeReplay(total: Omit<ReplayBody, "next_after_id">): string {
  const { replayed, dropped, kept, gone, asset_events: events, dag_runs: runs, dead_letters: letters } = total;
  const verb = total.dry_run ? "would replay" : "replayed";
  const counts = [
    `${verb} ${formatCount(replayed, "dead letter")}: ${formatCount(events, "event")}, ${formatCount(runs, "run")} at once`,
    ...(dropped > 0 ? [`${dropped} made no event and ${total.dry_run ? "would go" : "went"}`] : []),
    ...(kept > 0 ? [`${kept} still ${kept === 1 ? "does" : "do"} not fit and ${total.dry_run ? "would stay" : "stayed"}`] : []),
    ...(gone > 0 ? [`${gone} ${gone === 1 ? "was" : "were"} gone already`] : []),
  ];
  const others = letters.filter(({ outcome }) => outcome === "kept" || outcome === "dropped");
  if (others.length === 0) return counts.join("; ");
  const columns = [
    { title: "DEAD LETTER", cell: (letter: (typeof others)[number]) => String(letter.id) },
    { title: "OUTCOME", cell: (letter: (typeof others)[number]) => letter.outcome },
    { title: "WHY", cell: (letter: (typeof others)[number]) => preview(printable(letter.reason ?? ""), MAX_REASON_PREVIEW) },
  ];
  const more = others.length > MAX_SHOWN ? [`and ${others.length - MAX_SHOWN} more: \`-o json\` has all of them`] : [];
  return [counts.join("; "), formatTable(others.slice(0, MAX_SHOWN), columns, ""), ...more].join("\n");
}
