import { collectDefinitions, type Definition } from "@millrace/sdk/internal";
import type { EvaluationFailure, EvaluationReply, EvaluationRequest } from "../domain/evaluation.ts";
import { EVALUATION_ERRORS } from "./evaluation-errors.ts";
import { resolveImportsFrom } from "./resolve-hooks.ts";
import { isDescribed, snapshotFile, SnapshotError } from "./snapshot-file.ts";

// The loader's child: imports the bundles of DAG files, one after the other, and says what they define. Started with
// Node's permission model and without secrets, because what it runs is user code.

Error.stackTraceLimit = 50;
const send = process.send?.bind(process);
if (send === undefined) throw new Error("evaluate-child is started by the DAG loader, over a channel");

let current: number | null = null;

function reply(message: EvaluationReply): void {
  send?.(message);
}

function finish(id: number, message: EvaluationReply): void {
  if (current !== id) return;
  current = null;
  reply(message);
}

async function evaluate({ id, bundleUrl, sourcePath }: EvaluationRequest): Promise<void> {
  current = id;
  const made: Definition[] = [];
  collectDefinitions(made);
  try {
    resolveImportsFrom(bundleUrl, sourcePath);
    const exports = (await import(bundleUrl)) as Record<string, unknown>;
    finish(id, { type: "evaluated", id, file: snapshotFile(exports, made) });
  } catch (error) {
    finish(id, { type: "failed", id, failure: describeFailure(error) });
  }
}

function describeFailure(error: unknown): EvaluationFailure {
  if (!(error instanceof Error)) {
    return {
      code: "IMPORT_THREW",
      message: `the file threw ${String(error)}`,
      hint: "throw an Error: it says where",
      stack: "",
      specifier: null,
    };
  }
  if (isDescribed(error)) {
    const stack = error instanceof SnapshotError ? error.site : (error.stack ?? "");
    return { code: error.code, message: error.message, hint: error.hint, stack, specifier: null };
  }
  return describeThrown(error);
}

function describeThrown(error: Error & { code?: unknown }): EvaluationFailure {
  const stack = error.stack ?? "";
  const missing = error.code === "ERR_MODULE_NOT_FOUND" ? /Cannot find (?:package|module) '([^']+)'/.exec(error.message)?.[1] : undefined;
  if (missing !== undefined) {
    return { code: "UNRESOLVED_IMPORT", message: error.message, hint: "", stack, specifier: missing };
  }
  if (error.code === "ERR_ACCESS_DENIED") return describeDenied(error, stack);
  const message = `${error.name}: ${error.message}`;
  return { code: "IMPORT_THREW", message, hint: hintFor(error), stack, specifier: null };
}

function hintFor(error: Error): string {
  if (error instanceof ReferenceError) return "define or import it, or correct its name";
  if (/ does not provide an export named /.test(error.message)) return "correct the name; if it is right, install a version that has it";
  return EVALUATION_ERRORS.IMPORT_THREW;
}

function describeDenied(error: Error & { permission?: unknown; resource?: unknown }, stack: string): EvaluationFailure {
  const what = [error.permission, error.resource].filter((part) => typeof part === "string" && part !== "").join(" ");
  const message = `while a DAG file is imported it may only read its project: ${what || error.message} is not allowed`;
  return { code: "NOT_ALLOWED", message, hint: EVALUATION_ERRORS.NOT_ALLOWED, stack, specifier: null };
}

/** What a file's left-over promises and timers throw belongs to the file that is being imported, or to nobody. */
function onStray(error: unknown): void {
  if (current !== null) finish(current, { type: "failed", id: current, failure: describeFailure(error) });
}

process.on("uncaughtException", onStray);
process.on("unhandledRejection", onStray);
process.on("message", (request) => void evaluate(request as EvaluationRequest));
process.on("disconnect", () => process.exit(0));
reply({ type: "ready" });
