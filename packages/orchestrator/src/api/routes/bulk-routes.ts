import { type Static, type TSchema, Type } from "typebox";
import type { Actor } from "../../domain/audit-log.ts";
import { type ErrorCode, MillraceError } from "../../domain/errors.ts";
import { AnyObject, nullable } from "../resources/nullable.ts";
import type { EntityChanges } from "./entity-changes.ts";

const NonExistence = Type.Optional(Type.Union([Type.Literal("fail"), Type.Literal("skip")]));
const Existence = Type.Optional(Type.Union([Type.Literal("fail"), Type.Literal("skip"), Type.Literal("overwrite")]));
const Outcome = Type.Object({ success: Type.Array(Type.String()), errors: Type.Array(AnyObject) });
export const BulkResult = Type.Object({ create: nullable(Outcome), update: nullable(Outcome), delete: nullable(Outcome) });

/** Airflow's body of a bulk change: actions over many entities. */
export function bulkBody<Entity extends TSchema>(entity: Entity) {
  const closed = { additionalProperties: false };
  const create = { action: Type.Literal("create"), entities: Type.Array(entity), action_on_existence: Existence };
  const update = {
    action: Type.Literal("update"),
    entities: Type.Array(entity),
    update_mask: Type.Optional(nullable(Type.Array(Type.String()))),
    action_on_non_existence: NonExistence,
  };
  const remove = {
    action: Type.Literal("delete"),
    entities: Type.Array(Type.Union([Type.String(), entity])),
    action_on_non_existence: NonExistence,
  };
  const actions = [Type.Object(create, closed), Type.Object(update, closed), Type.Object(remove, closed)] as const;
  return Type.Object({ actions: Type.Array(Type.Union([...actions])) }, closed);
}

/** One action, as its schema lets it through. */
export interface BulkAction<Body> {
  readonly action: "create" | "update" | "delete";
  readonly entities: readonly (Body | string)[];
  readonly action_on_existence?: "fail" | "skip" | "overwrite";
  readonly action_on_non_existence?: "fail" | "skip";
  readonly update_mask?: readonly string[] | null;
}

type Result = Static<typeof BulkResult>;

/** Each entity by itself: one that fails is told in `errors`, and the others are done. */
export async function changeInBulk<Body extends object>(
  changes: EntityChanges<Body, unknown>,
  actions: readonly BulkAction<Body>[],
  by: Actor,
): Promise<Result> {
  const result: Result = { create: null, update: null, delete: null };
  for (const action of actions) {
    const outcome = (result[action.action] ??= { success: [], errors: [] });
    for (const entity of action.entities) {
      const id = typeof entity === "string" ? entity : changes.idOf(entity);
      try {
        if (await changeOne(changes, action, entity, by)) outcome.success.push(id);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        outcome.errors.push({ error: error.message, status_code: error.status, code: error.code, hint: error.hint, id });
      }
    }
  }
  return result;
}

/** False where it was skipped. */
async function changeOne<Body extends object>(
  changes: EntityChanges<Body, unknown>,
  action: BulkAction<Body>,
  entity: Body | string,
  by: Actor,
): Promise<boolean> {
  const id = typeof entity === "string" ? entity : changes.idOf(entity);
  try {
    if (action.action === "delete" || typeof entity === "string") await changes.delete(id, by);
    else if (action.action === "update") await changes.update(id, entity, action.update_mask ?? undefined, by);
    else if (action.action_on_existence === "overwrite") await overwrite(changes, id, entity, by);
    else await changes.create(entity, by);
    return true;
  } catch (error) {
    if (hasCode(error, EXISTS) && action.action_on_existence === "skip") return false;
    if (hasCode(error, NOT_FOUND) && action.action_on_non_existence === "skip") return false;
    throw error;
  }
}

async function overwrite<Body extends object>(changes: EntityChanges<Body, unknown>, id: string, entity: Body, by: Actor): Promise<void> {
  try {
    await changes.update(id, entity, undefined, by);
  } catch (error) {
    if (!hasCode(error, NOT_FOUND)) throw error;
    await changes.create(entity, by);
  }
}

const EXISTS: readonly ErrorCode[] = ["CONNECTION_EXISTS", "VARIABLE_EXISTS"];
const NOT_FOUND: readonly ErrorCode[] = ["CONNECTION_NOT_FOUND", "VARIABLE_NOT_FOUND"];

function hasCode(error: unknown, codes: readonly ErrorCode[]): boolean {
  return error instanceof MillraceError && codes.includes(error.code);
}
