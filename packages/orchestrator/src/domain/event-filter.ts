import { compileExpression, newEnvironment } from "./cel.ts";
import { MillraceError } from "./errors.ts";
import type { ReplayCandidate } from "./event-replay.ts";
import { scopeOfStored } from "./ingest.ts";

/** What an expression over a stored event sees beside payload, headers, key and asset; unknown ones are null. */
const EVENT_FIELDS = "id, asset, timestamp, source, partition, offset, message_id, partition_key, extra";

/** @throws {Error} for a missing field or an operand of the wrong type */
export type EventFilter = (candidate: ReplayCandidate) => boolean;

const environment = newEnvironment().registerVariable("payload", "dyn").registerVariable("event", "map<string, dyn>");

/** CEL over an event as it is stored. @throws {MillraceError} CEL_INVALID, which says where */
export function compileEventFilter(text: string): EventFilter {
  const checked = environment.check(text);
  const problem = checked.valid ? typeProblem(checked.type ?? "dyn") : (checked.error?.message ?? "it is not valid CEL");
  if (problem !== null) {
    const hint = `it sees payload, headers, key, asset and event (${EVENT_FIELDS}), as in \`payload.celsius > 80.0 && asset == 'readings'\``;
    throw new MillraceError("CEL_INVALID", `expected a CEL expression that is true or false, got '${text}': ${problem}`, { hint });
  }
  const evaluate = compileExpression(text, environment);
  return (candidate) => {
    const value: unknown = evaluate({ ...scopeOfStored(candidate.event.data.assetName, candidate.event.data), event: fieldsOf(candidate) });
    if (typeof value !== "boolean") throw new Error(`expected true or false, got ${JSON.stringify(String(value))}`);
    return value;
  };
}

function typeProblem(type: string): string | null {
  return type === "bool" || type === "dyn" ? null : `it is a ${type}`;
}

function fieldsOf({ event, source, partition, offset, messageId }: ReplayCandidate): Readonly<Record<string, unknown>> {
  const { extra, assetName, partitionKey } = event.data;
  return {
    id: event.id,
    asset: assetName,
    timestamp: new Date(event.createdAt),
    source,
    partition,
    offset,
    message_id: messageId,
    partition_key: partitionKey,
    extra: extra === null ? null : (JSON.parse(Buffer.from(extra).toString("utf8")) as unknown),
  };
}
