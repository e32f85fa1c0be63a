import { type TSchema, type TUnion, type TNull, Type } from "typebox";

export function nullable<Schema extends TSchema>(schema: Schema): TUnion<[Schema, TNull]> {
  return Type.Union([schema, Type.Null()]);
}

/** The beginning of the pattern of a name that stands in a path: "." and ".." would be taken for steps of it. */
export const NO_DOTS = "^(?!\\.{1,2}$)";

export const NullableText = nullable(Type.String());
export const NullableInteger = nullable(Type.Integer());
export const NullableNumber = nullable(Type.Number());
/** ISO 8601, UTC. */
export const Instant = Type.String({ format: "date-time" });
export const NullableInstant = nullable(Instant);
export const AnyObject = Type.Record(Type.String(), Type.Unknown());
/** [name, value] pairs, in the order they came. */
export const Headers = Type.Array(Type.Array(Type.String(), { minItems: 2, maxItems: 2 }));
