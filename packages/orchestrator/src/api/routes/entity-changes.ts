import type { Actor } from "../../domain/audit-log.ts";
import type { ConnectionEntry } from "../../domain/connection-store.ts";
import { MillraceError } from "../../domain/errors.ts";
import type { VariableEntry } from "../../domain/variable-store.ts";
import type { ApiContext } from "../api-context.ts";
import { type ConnectionPatch, readConnection } from "../resources/connection-resource.ts";
import { unmask } from "../resources/masked-value.ts";

/** How entities of one kind are written, one by one or in bulk. Each throws what its registry does, and BAD_REQUEST. */
export interface EntityChanges<Body, Entry> {
  idOf(body: Body): string;
  create(body: Body, by: Actor): Promise<Entry>;
  /** Fields that the body does not have stay; with names, all others stay too. */
  update(id: string, body: Body, names: readonly string[] | undefined, by: Actor): Promise<Entry>;
  delete(id: string, by: Actor): Promise<void>;
}

export function connectionChanges({ connections }: Pick<ApiContext, "connections">): EntityChanges<ConnectionPatch, ConnectionEntry> {
  return {
    idOf: (body) => body.connection_id ?? "",
    create: async (body, by) => connections.create(readConnection(body.connection_id ?? "", body, null), body.description || null, by),
    update: async (id, body, names, by) => {
      assertSameId("connection_id", body.connection_id, id);
      const before = await connections.entry(id);
      const changes = onlyNamed(body, names);
      if (before.connection === null && changes.conn_type === undefined) throw before.error!;
      const description = changes.description === undefined ? before.description : changes.description || null;
      return connections.replace(readConnection(id, changes, before.connection), description, by);
    },
    delete: async (id, by) => connections.delete(id, by),
  };
}

export interface VariablePatch {
  readonly key?: string;
  readonly value?: unknown;
  readonly description?: string | null;
}

export function variableChanges({ variables }: Pick<ApiContext, "variables">): EntityChanges<VariablePatch, VariableEntry> {
  return {
    idOf: ({ key }) => key ?? "",
    create: async ({ key = "", value, description }, by) =>
      variables.create({ key, value: toText(unmask(value, null, "value")), description: description || null }, by),
    update: async (key, body, names, by) => {
      assertSameId("key", body.key, key);
      const before = await variables.entry(key);
      const changes = onlyNamed(body, names);
      const value = "value" in changes ? toText(unmask(changes.value, before.value, "value")) : before.value;
      if (value === null) throw before.error!;
      const description = changes.description === undefined ? before.description : changes.description || null;
      return variables.replace({ key, value, description }, by);
    },
    delete: async (key, by) => variables.delete(key, by),
  };
}

/** Airflow's `update_mask`: of the body only these fields count. */
function onlyNamed<Body extends object>(body: Body, names: readonly string[] | undefined): Partial<Body> {
  if (names === undefined || names.length === 0) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => names.includes(name))) as Partial<Body>;
}

/** @throws {MillraceError} BAD_REQUEST */
function assertSameId(field: string, given: string | undefined, id: string): void {
  if (given === undefined || given === id) return;
  throw new MillraceError("BAD_REQUEST", `field '${field}': expected '${id}' as in the path, got '${given}'`);
}

function toText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
