import { type Static, Type } from "typebox";
import type { Connection } from "@millrace/sdk/provider";
import type { ConnectionEntry } from "../../domain/connection-store.ts";
import { normalizeConnType } from "../../domain/connections.ts";
import { MillraceError } from "../../domain/errors.ts";
import { mask, MASK, unmask } from "./masked-value.ts";
import { AnyObject, NO_DOTS, nullable, NullableInteger, NullableText } from "./nullable.ts";

export const ConnectionSchema = Type.Object({
  connection_id: Type.String(),
  conn_type: Type.String(),
  description: NullableText,
  host: NullableText,
  login: NullableText,
  schema: NullableText,
  port: NullableInteger,
  /** `***` where there is one. */
  password: NullableText,
  /** JSON, with its secrets as `***`. */
  extra: NullableText,
  team_name: Type.Null(),
  /** Ours: where it comes from, and why it cannot be read. */
  source: Type.Union([Type.Literal("environment"), Type.Literal("database")]),
  variable: NullableText,
  error: NullableText,
});

export const ConnectionCollectionSchema = Type.Object({ connections: Type.Array(ConnectionSchema), total_entries: Type.Integer() });

const text = Type.Optional(nullable(Type.String({ maxLength: 5000 })));
const fields = {
  conn_type: Type.String({ minLength: 1, maxLength: 500 }),
  description: text,
  host: text,
  login: text,
  schema: text,
  port: Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 65_535 }))),
  password: text,
  extra: Type.Optional(Type.Union([Type.String({ description: "JSON" }), AnyObject, Type.Null()])),
  team_name: Type.Optional(Type.Null()),
};
const ConnectionId = Type.String({ maxLength: 200, pattern: `${NO_DOTS}[\\w.-]+$` });

export const NewConnectionSchema = Type.Object({ connection_id: ConnectionId, ...fields }, { additionalProperties: false });
export const ConnectionPatchSchema = Type.Partial(NewConnectionSchema, { additionalProperties: false });
export type ConnectionPatch = Static<typeof ConnectionPatchSchema>;

const NOTHING = { host: null, login: null, schema: null, port: null, password: null, extra: null } as const;

/** `isBrief`: no more than what it is and where it comes from. */
export function toConnection(entry: ConnectionEntry, { isBrief }: { readonly isBrief: boolean }): Static<typeof ConnectionSchema> {
  const { id, connType, description, variable, connection, error } = entry;
  return {
    connection_id: id,
    conn_type: connType,
    description: isBrief ? null : description,
    ...(isBrief || connection === null ? NOTHING : toFields(connection)),
    team_name: null,
    source: variable === null ? "database" : "environment",
    variable,
    error: error === null ? null : `${error.code}: ${error.message}`,
  };
}

function toFields({ host, login, schema, port, password, extra }: Connection) {
  const masked = (value: string | undefined): string | null => (value === undefined ? null : (mask(value) as string));
  return {
    host: masked(host),
    login: login ?? null,
    schema: schema ?? null,
    port: port ?? null,
    password: password ? MASK : null,
    extra: Object.keys(extra).length === 0 ? null : JSON.stringify(mask(extra)),
  };
}

/**
 * The connection that `body` makes of `before`: fields that it does not have stay, `***` stands for what was there.
 * @throws {MillraceError} BAD_REQUEST
 */
export function readConnection(id: string, body: ConnectionPatch, before: Connection | null): Connection {
  const given = (name: "host" | "login" | "schema" | "password"): string | undefined =>
    body[name] === undefined ? before?.[name] : (unmask(body[name], before?.[name], name) as string | null) || undefined;
  return {
    id,
    connType: body.conn_type === undefined ? (before?.connType ?? "") : normalizeConnType(body.conn_type),
    host: given("host"),
    login: given("login"),
    password: given("password"),
    schema: given("schema"),
    port: body.port === undefined ? before?.port : (body.port ?? undefined),
    extra:
      body.extra === undefined ? (before?.extra ?? {}) : (unmask(readExtra(body.extra), before?.extra, "extra") as Connection["extra"]),
  };
}

function readExtra(extra: NonNullable<ConnectionPatch["extra"]> | null): Readonly<Record<string, unknown>> {
  if (extra === null || extra === "") return {};
  if (typeof extra !== "string") return extra;
  const value = parse(extra);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  throw new MillraceError("BAD_REQUEST", "field 'extra': expected a JSON object, got text that is none");
}

/** Without the parser's error, which quotes the text: it holds secrets. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
