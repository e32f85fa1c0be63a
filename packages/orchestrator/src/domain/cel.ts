// CEL in `where` and `payload` (and later `key`, `dedupeKey`): docs/adr/0003 has the library, its limits and a table of cases.
import { type ASTNode, Environment, serialize } from "@marcbachmann/cel-js";
import { celTypeOf } from "./cel-schema.ts";
import type { JsonSchema } from "./dag-snapshot.ts";
import { MillraceError } from "./errors.ts";
import { matchesLinear } from "./linear-regex.ts";

/** What an expression sees. */
export interface CelScope {
  readonly payload: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly key: string | null;
  readonly asset: string;
}

/** @throws {Error} for a missing field or an operand of the wrong type; the event is then decided `filter_error`. */
export type CelPredicate = (scope: CelScope) => boolean;

const MAX_LENGTH = 4096;
const LIMITS = { maxAstNodes: 2000, maxDepth: 64, maxListElements: 1000, maxMapEntries: 200, maxCallArguments: 16 };
const OPTIONS = { enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits: LIMITS };

/** JSON numbers are doubles, so an integer literal beside one is taken as a double. */
function registerMixedArithmetic(environment: Environment): Environment {
  const operations: Record<string, (a: number, b: number) => number> = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
  };
  for (const [operator, apply] of Object.entries(operations)) {
    environment.registerOperator(`double ${operator} int`, (a: number, b: bigint) => apply(a, Number(b)));
    environment.registerOperator(`int ${operator} double`, (a: bigint, b: number) => apply(Number(a), b));
  }
  environment.registerOperator("double % int", (a: number, b: bigint) => a % Number(b));
  environment.registerOperator("double % double", (a: number, b: number) => a % b);
  return environment;
}

/** What all expressions may use; the caller says what they see beside it. */
export function newEnvironment(): Environment {
  return registerMixedArithmetic(new Environment(OPTIONS))
    .registerVariable("headers", "map<string, string>")
    .registerVariable("key", "dyn")
    .registerVariable("asset", "string")
    .registerFunction("string.matchesLinear(string): bool", matchesLinear);
}

const runEnvironment = newEnvironment().registerVariable("payload", "dyn");

function checkEnvironment(schema: JsonSchema | null): Environment {
  const environment = newEnvironment();
  const type = schema === null ? "dyn" : celTypeOf(schema);
  if (typeof type === "string") return environment.registerVariable("payload", type);
  environment.registerOperator("double == int", (a: number, b: bigint) => a === Number(b));
  return environment.registerVariable({ name: "payload", schema: type });
}

/**
 * Type-checks an expression against the schema of the payload.
 * @returns null where it is right, else a sentence that says what is wrong and where.
 */
export function checkPredicate(text: string, schema: JsonSchema | null): string | null {
  const checked = typeOfExpression(text, schema);
  if ("problem" in checked) return checked.problem;
  if (checked.type !== "bool" && checked.type !== "dyn") return `expected true or false, got a ${checked.type}: ${text}`;
  return null;
}

/** The CEL type of an expression over a payload of this schema, or a sentence that says what is wrong with it. */
export function typeOfExpression(text: string, schema: JsonSchema | null): { readonly type: string } | { readonly problem: string } {
  if (text.length > MAX_LENGTH) return { problem: `expected at most ${MAX_LENGTH} characters, got ${text.length}` };
  const checked = checkEnvironment(schema).check(text);
  if (!checked.valid) return { problem: checked.error?.message ?? "the expression is not valid CEL" };
  return { type: checked.type ?? "dyn" };
}

/** @throws {MillraceError} CEL_INVALID */
export function compilePredicate(text: string): CelPredicate {
  const evaluate = compileExpression(text);
  return (scope) => {
    const value: unknown = evaluate(scope);
    if (typeof value !== "boolean") throw new Error(`expected true or false, got ${JSON.stringify(String(value))}`);
    return value;
  };
}

type Expression = ((scope: object) => unknown) & { readonly ast: ASTNode };

/** For the files of the domain that say what an expression's value is for. @throws {MillraceError} CEL_INVALID */
export function compileExpression(text: string, environment: Environment = runEnvironment): Expression {
  try {
    const { ast } = environment.parse(text);
    return replaceMatches(ast) ? environment.parse(serialize(ast)) : environment.parse(text);
  } catch (error) {
    throw new MillraceError("CEL_INVALID", `expected a CEL expression, got '${text}': ${(error as Error).message}`, { cause: error });
  }
}

/** The built-in `matches` runs JavaScript's backtracking engine, which `^(a+)+$` can hang. */
function replaceMatches(node: unknown): boolean {
  if (Array.isArray(node)) return node.map(replaceMatches).includes(true);
  if (typeof node !== "object" || node === null || !("op" in node)) return false;
  const { op, args } = node as ASTNode & { args: unknown };
  const isMatches = op === "rcall" && Array.isArray(args) && args[0] === "matches";
  if (isMatches) args[0] = "matchesLinear";
  return replaceMatches(args) || isMatches;
}
