// CEL in a watcher's `payload`: what is stored of a message. The value is bounded, and JSON.
import type { ASTNode } from "@marcbachmann/cel-js";
import { nearestName } from "@millrace/sdk/provider";
import { type CelScope, compileExpression, typeOfExpression } from "./cel.ts";
import type { JsonSchema } from "./dag-snapshot.ts";

/** Gives JSON. @throws {Error} a sentence, where the expression fails on this message, or gives what JSON cannot hold. */
export type CelProjection = (scope: CelScope) => unknown;

/** Of the value that is made, in characters and items: a message has at most some megabytes. */
const MAX_SIZE = 4 * 1024 * 1024;
const MAX_DEPTH = 64;
/** A loop in a loop in a loop over a long list would hold up all triggers. */
const MAX_NESTED_LOOPS = 2;
const LOOPS: readonly unknown[] = ["map", "filter", "all", "exists", "exists_one"];

/** @throws {MillraceError} CEL_INVALID */
export function compileProjection(text: string): CelProjection {
  const evaluate = compileExpression(text);
  return (scope) => {
    const value = new JsonWriter().toJson(evaluate(scope), 0);
    if (value === undefined) throw new Error("expected a value, got an optional that has none");
    return value;
  };
}

/**
 * Checks an expression against the payload it sees and the schema of the asset whose payload it makes.
 * @returns null where it is right, else a sentence that says what is wrong.
 */
export function checkProjection(text: string, seen: JsonSchema | null, asset: JsonSchema | null): string | null {
  const checked = typeOfExpression(text, seen);
  if ("problem" in checked) return checked.problem;
  const loops = nestedLoops(compileExpression(text).ast);
  if (loops > MAX_NESTED_LOOPS) return `expected at most ${MAX_NESTED_LOOPS} loops (map, filter, all, exists) in each other, got ${loops}`;
  return asset === null ? null : (findWrongType(checked.type, asset) ?? findWrongField(compileExpression(text).ast, asset));
}

class JsonWriter {
  #size = 0;

  /** undefined for an optional without a value: its field is left out. */
  toJson(value: unknown, depth: number): unknown {
    this.#grow(1);
    if (depth > MAX_DEPTH) throw new Error(`expected a value of at most ${MAX_DEPTH} levels`);
    if (typeof value === "string") this.#grow(value.length);
    if (typeof value === "number" && !Number.isFinite(value)) throw new Error(`expected a number that JSON can hold, got ${value}`);
    if (typeof value === "bigint") return toExactNumber(value);
    return typeof value === "object" ? this.#objectToJson(value, depth) : value;
  }

  #objectToJson(value: object | null, depth: number): unknown {
    if (value === null) return null;
    if (Array.isArray(value)) return value.map((item) => this.toJson(item, depth + 1) ?? null);
    if (value instanceof Date) return value.toISOString();
    if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
    if (value instanceof Map) return this.#entriesToJson([...value] as [unknown, unknown][], depth);
    const name = value.constructor?.name;
    if (name === "Optional") return this.#optionalToJson(value as OptionalValue, depth);
    if (name === "UnsignedInt") return this.toJson((value as { valueOf(): bigint }).valueOf(), depth);
    if (name === "Duration") return secondsOf(value as { readonly seconds: bigint; readonly nanos: number });
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) return this.#entriesToJson(Object.entries(value), depth);
    throw new Error(`expected a value that JSON can hold, got a ${name}`);
  }

  #optionalToJson(value: OptionalValue, depth: number): unknown {
    return value.hasValue() ? this.toJson(value.value(), depth) : undefined;
  }

  #entriesToJson(entries: readonly (readonly [unknown, unknown])[], depth: number): unknown {
    const fields = entries.map(([name, field]) => [String(this.toJson(name, depth)), this.toJson(field, depth + 1)] as const);
    return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
  }

  #grow(by: number): void {
    this.#size += by;
    if (this.#size > MAX_SIZE) throw new Error(`expected a value of at most ${MAX_SIZE} characters, got a larger one`);
  }
}

function toExactNumber(value: bigint): number {
  if (Number.isSafeInteger(Number(value))) return Number(value);
  throw new Error(`expected an integer that JSON holds exactly, got ${value}: use string(…)`);
}

/** As protobuf's JSON writes it. */
function secondsOf({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): string {
  return `${Number(seconds) + nanos / 1e9}s`;
}

interface OptionalValue {
  hasValue(): boolean;
  value(): unknown;
}

function nestedLoops(node: unknown): number {
  if (Array.isArray(node)) return Math.max(0, ...node.map(nestedLoops));
  if (typeof node !== "object" || node === null || !("op" in node)) return 0;
  const { op, args } = node as ASTNode & { args: unknown };
  if (op !== "rcall" || !Array.isArray(args) || !LOOPS.includes(args[0])) return nestedLoops(args);
  return Math.max(nestedLoops(args[1]), 1 + nestedLoops(args[2]));
}

/** The JSON types that a CEL type becomes; undefined where only the value tells. */
function jsonTypesOf(type: string): readonly string[] | undefined {
  if (type.startsWith("list")) return ["array"];
  if (type.startsWith("map")) return ["object"];
  if (["int", "uint", "double"].includes(type)) return ["number", "integer"];
  if (["string", "bytes", "google.protobuf.Timestamp", "google.protobuf.Duration"].includes(type)) return ["string"];
  if (type === "bool") return ["boolean"];
  return type === "null" ? ["null"] : undefined;
}

function findWrongType(type: string, schema: JsonSchema): string | null {
  const made = jsonTypesOf(type);
  const wanted = schema["type"];
  if (made === undefined || typeof wanted !== "string" || made.includes(wanted)) return null;
  return `expected what the asset's schema asks for, ${wanted}, got a ${type}`;
}

/** Of a map that is written out: a field that the schema asks for and that is not made, or one that it does not take. */
function findWrongField(node: ASTNode, schema: JsonSchema): string | null {
  const made = writtenFields(node);
  if (made === null) return null;
  const { required = [], properties = {}, additionalProperties } = schema as ObjectSchema;
  const missing = required.find((name) => !made.includes(name));
  if (missing !== undefined) {
    const near = nearestName(
      missing,
      made.filter((name) => !(name in properties)),
    );
    return `the asset's schema asks for '${missing}', which is not made${near === undefined ? "" : `; did you mean it by '${near}'?`}`;
  }
  const unknown = made.find((name) => !(name in properties));
  return unknown === undefined || additionalProperties !== false ? null : `the asset's schema does not take '${unknown}'`;
}

interface ObjectSchema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
}

function writtenFields({ op, args }: ASTNode): readonly string[] | null {
  if (op !== "map") return null;
  const names = (args as readonly (readonly [ASTNode, ASTNode])[]).map(([key]) => (key.op === "value" ? key.args : null));
  return names.every((name) => typeof name === "string") ? names : null;
}
