import { nearestName } from "@millrace/sdk/provider";
import type { CelScope } from "../domain/cel.ts";
import type { JsonSchema } from "../domain/dag-snapshot.ts";

const VARIABLES = Object.keys({ payload: true, headers: true, key: true, asset: true } satisfies Record<keyof CelScope, true>);

/** What a misspelled variable or field of a `where` may mean; undefined where that is not what is wrong. */
export function whereHint(wrong: string, schema: JsonSchema | null): string | undefined {
  const [, what, name] = /^(Unknown variable|No such key): (\S+)/.exec(wrong) ?? [];
  if (name === undefined) return undefined;
  const near = nearestName(name, what === "Unknown variable" ? VARIABLES : fieldsOf(schema));
  return near === undefined ? undefined : `did you mean '${near}'?`;
}

/** The names of all fields, at any depth. */
function fieldsOf(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties = {}, items } = schema as { readonly properties?: Readonly<Record<string, unknown>>; readonly items?: unknown };
  return [...Object.keys(properties), ...Object.values(properties).flatMap(fieldsOf), ...fieldsOf(items)];
}
