import { MillraceError } from "../../domain/errors.ts";
import type { ApiClient } from "../api-client.ts";
import type { DeadLetterBody } from "../asset-resources.ts";
import type { ClientOptions } from "../commands/client-command.ts";
import type { CommandContext } from "../create-program.ts";
import { formatInstant, preview, printable } from "../output/format-value.ts";
import { formatFields, formatTable, print } from "../output/print.ts";
import { readSince } from "../read-since.ts";
import { findAsset } from "./find-asset.ts";
import { openClient, parseLimit } from "./open-client.ts";

interface ListOptions extends ClientOptions {
  readonly asset?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly limit: string;
}

const MAX_REASON_PREVIEW = 200;

export async function listDeadLetters(context: CommandContext, options: ListOptions): Promise<void> {
  const client = openClient(context, options);
  const assetId = options.asset === undefined ? undefined : (await findAsset(client, options.asset)).id;
  const since = options.since === undefined ? undefined : readSince("--since", options.since, Date.now());
  const filter = { asset_id: assetId, reason_code: options.reason?.toUpperCase(), timestamp_gte: since };
  const letters = await list(client, { ...filter, limit: parseLimit(options.limit) });
  const columns = [
    { title: "DEAD LETTER", cell: (letter: DeadLetterBody) => String(letter.id) },
    { title: "ASSET", cell: (letter: DeadLetterBody) => letter.asset_name ?? "" },
    { title: "STORED", cell: (letter: DeadLetterBody) => formatInstant(letter.timestamp) },
    { title: "FROM", cell: describeSource },
    {
      title: "REASON",
      cell: (letter: DeadLetterBody) => `${letter.reason_code}: ${preview(printable(letter.reason), MAX_REASON_PREVIEW)}`,
    },
  ];
  print(options.output, letters, () => formatTable(letters, columns, "no dead letters"));
}

interface ListQuery {
  readonly asset_id?: number | undefined;
  readonly reason_code?: string | undefined;
  readonly timestamp_gte?: string | undefined;
  readonly limit: number;
}

async function list(client: ApiClient, query: ListQuery): Promise<readonly DeadLetterBody[]> {
  return (await client.get<{ dead_letters: DeadLetterBody[] }>("/deadLetters", { order_by: "-id", ...query })).dead_letters;
}

export async function showDeadLetter(context: CommandContext, id: string, options: ClientOptions): Promise<void> {
  if (id !== "latest" && !/^\d{1,15}$/.test(id))
    throw new MillraceError("USAGE", `expected the id of a dead letter, a number, or 'latest', got '${id}'`, {
      hint: "`millrace dead-letters list` shows the ids",
    });
  const client = openClient(context, options);
  const [latest] = id === "latest" ? await list(client, { limit: 1 }) : [];
  if (id === "latest" && latest === undefined) throw new MillraceError("NOT_FOUND", "there are no dead letters", { hint: "nothing to do" });
  const letter = latest ?? (await client.get<DeadLetterBody>(`/deadLetters/${id}`));
  print(options.output, letter, () => describe(letter));
}

function describe(letter: DeadLetterBody): string {
  return formatFields([
    ["Dead letter", String(letter.id)],
    ["Asset", letter.asset_name],
    ["Stored", formatInstant(letter.timestamp)],
    ["From", describeSource(letter) || null],
    ["Reason", `${letter.reason_code}: ${printable(letter.reason)}`],
    ["Key", letter.key === null ? null : printable(letter.key)],
    ...letter.headers.map(([name, value]) => ["Header", `${printable(name)}: ${printable(value)}`] as const),
    [
      letter.value_encoding === "base64" ? "Message (base64)" : "Message",
      letter.value === null ? "none: a tombstone" : printable(letter.value),
    ],
  ]);
}

function describeSource({ source, partition, offset, message_id: id }: DeadLetterBody): string {
  const place = offset === null ? (id ?? "") : `partition ${partition} offset ${offset}`;
  return [source ?? "", place].filter((part) => part !== "").join(" ");
}
