import type { JsonSchema } from "../../domain/dag-snapshot.ts";

const MAX_DEPTH = 4;
const EXAMPLES: Readonly<Record<string, unknown>> = { string: "text", number: 1, integer: 1, boolean: true, null: null, array: [] };

/** A value with the fields that the schema requires: a start for the author, which may not pass every pattern in it. */
export function examplePayload(schema: JsonSchema | null, depth = 0): unknown {
  if (schema === null) return {};
  const { default: standard, const: fixed, enum: choices, examples, anyOf, minimum } = schema as ExampleSchema;
  const given = [examples?.[0], standard, fixed, choices?.[0]].find((value) => value !== undefined);
  if (given !== undefined) return given;
  if (anyOf?.[0] !== undefined) return examplePayload(anyOf[0], depth);
  const type = Array.isArray(schema["type"]) ? (schema["type"][0] as unknown) : schema["type"];
  if (type === "object") return depth < MAX_DEPTH ? exampleObject(schema, depth) : {};
  const example = typeof type === "string" ? EXAMPLES[type] : undefined;
  return typeof example === "number" ? Math.max(example, minimum ?? example) : (example ?? {});
}

interface ExampleSchema {
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}

function exampleObject({ required = [], properties = {} }: ExampleSchema, depth: number): unknown {
  return Object.fromEntries(required.map((name) => [name, examplePayload(properties[name] ?? null, depth + 1)]));
}
