import { type ErrorObject, type ValidateFunction, Ajv2020 } from "ajv/dist/2020.js";
import type { JsonSchema } from "./dag-snapshot.ts";
import { matchesLinear } from "./linear-regex.ts";

/** null where the value fits, else a sentence that names the first field that does not. */
export type PayloadCheck = (value: unknown) => string | null;

/** A repeated group, as in `^(a+)+$`: JavaScript's engine can take for ever to find that a text does not match. */
const REPEATED_GROUP = /\)(?:[*+]|\{\d+,)/;

interface PatternTest {
  toString(): string;
  test(text: string): boolean;
}

/** A sender's text is not to hang the server: patterns that could are RE2's, 20 times slower and linear, where RE2 can read them. */
function toPatternTest(pattern: string, flags: string): PatternTest {
  const engine = new RegExp(pattern, flags);
  return REPEATED_GROUP.test(pattern) && isLinear(pattern) ? linearTest(pattern) : engine;
}

function linearTest(pattern: string): PatternTest {
  // Ajv tells patterns apart by their text.
  return { test: (text) => matchesLinear(text, pattern), toString: () => `re2 ${pattern}` };
}

function isLinear(pattern: string): boolean {
  try {
    matchesLinear("", pattern);
    return true;
  } catch {
    return false;
  }
}

// Formats are not checked: zod and its like write the pattern that matters beside them.
const options = {
  strict: false,
  validateFormats: false,
  allErrors: false,
  logger: false,
  verbose: true,
  code: { regExp: Object.assign(toPatternTest, { code: "toPatternTest" }) },
} as const;
const metaSchema = new Ajv2020(options);
/** By schema, which is the same object for all runs of a dag version. */
const withDefaults = new WeakMap<JsonSchema, ValidateFunction>();

/** @throws {Error} where the schema itself is no JSON Schema (draft 2020-12). */
export function compileSchema(schema: JsonSchema): PayloadCheck {
  void metaSchema.validateSchema(schema, true);
  const validate = compile(schema, false);
  return (value) => (validate(value) ? null : describe(validate.errors?.[0]));
}

/** Fills the schema's defaults into `value`, in place, then checks it. */
export function checkWithDefaults(schema: JsonSchema, value: object): string | null {
  const validate = withDefaults.get(schema) ?? compile(schema, true);
  withDefaults.set(schema, validate);
  return validate(value) ? null : describe(validate.errors?.[0]);
}

/** A compiler of its own per schema, as two may use one `$id`; without the meta-schema, whose compilation takes 10 ms. */
function compile(schema: JsonSchema, useDefaults: boolean): ValidateFunction {
  return new Ajv2020({ ...options, useDefaults, meta: false, validateSchema: false }).compile(schema);
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return "does not fit its schema";
  const place = error.instancePath === "" ? "the value" : `'${error.instancePath.slice(1).replaceAll("/", ".")}'`;
  return `${place} ${describeRule(error)}${describeGot(error)}`;
}

function describeRule({ keyword, params, message = "does not fit", parentSchema }: ErrorObject): string {
  if (keyword === "enum") return `${message}: ${(params["allowedValues"] as unknown[]).map((value) => JSON.stringify(value)).join(", ")}`;
  if (keyword === "additionalProperties") return `must not have a property '${String(params["additionalProperty"])}'`;
  const meaning: unknown = keyword === "pattern" ? parentSchema?.["description"] : undefined;
  return typeof meaning === "string" ? `${message} (${meaning})` : message;
}

const MAX_GOT_LENGTH = 60;

/** What fails a rule of its own is shown; of lists and objects the rule says enough. */
function describeGot({ keyword, data }: ErrorObject): string {
  if (keyword === "required" || keyword === "additionalProperties") return "";
  if (typeof data === "object" && data !== null) return keyword === "type" ? `, got ${Array.isArray(data) ? "a list" : "an object"}` : "";
  const text = JSON.stringify(data);
  return `, got ${text.length <= MAX_GOT_LENGTH ? text : `${text.slice(0, MAX_GOT_LENGTH)}…`}`;
}
