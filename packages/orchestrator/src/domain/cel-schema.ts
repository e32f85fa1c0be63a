import type { JsonSchema } from "./dag-snapshot.ts";

/** A CEL type for checking: a name, or the fields of an object. */
export type CelType = string | { readonly [field: string]: CelType };

const SCALARS: Readonly<Record<string, string>> = { string: "string", number: "double", integer: "double", boolean: "bool", null: "dyn" };

/** What it cannot follow (unions, references, open objects) is `dyn`: a false alarm is worse than a missed slip. */
export function celTypeOf(schema: JsonSchema): CelType {
  const type = schema["type"];
  if (typeof type !== "string" || "anyOf" in schema || "oneOf" in schema || "allOf" in schema || "$ref" in schema) return "dyn";
  if (type === "object") return objectType(schema);
  if (type === "array") return listType(schema);
  return SCALARS[type] ?? "dyn";
}

function objectType(schema: JsonSchema): CelType {
  const properties = schema["properties"] as Readonly<Record<string, JsonSchema>> | undefined;
  if (properties === undefined) return "map<string, dyn>";
  // An object that takes further fields (no zod object says so by default) may have what is not listed.
  if (typeof schema["additionalProperties"] === "object") return "dyn";
  return Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, celTypeOf(property)]));
}

function listType(schema: JsonSchema): CelType {
  const items = schema["items"];
  const item = typeof items === "object" && items !== null ? celTypeOf(items as JsonSchema) : "dyn";
  return typeof item === "string" ? `list<${item}>` : "list";
}
