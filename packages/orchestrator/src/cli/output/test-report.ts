import { styleText } from "node:util";
import type { OutboxWrite, RunWrites, TaskInstanceWrite, TaskLogWrite } from "../../domain/committer.ts";
import type { DagSnapshot } from "../../domain/dag-snapshot.ts";
import { DECISION_CODES } from "../../domain/decision.ts";
import type { Definitions } from "../../domain/definitions.ts";
import type { NewAssetEvent, NewDeadLetter, PendingDecision } from "../../domain/ingest-unit.ts";
import { slotsOf } from "../../domain/pattern-parts.ts";
import { readTaskInstanceState } from "../../domain/states.ts";
import type { TaskError } from "../../domain/task-outcome.ts";
import { formatCount, formatDuration } from "./format-value.ts";
import { bold, colorState } from "./print.ts";

export interface TestReportOptions {
  /** As its author wrote it, with its retry delays. */
  readonly dag: DagSnapshot;
  readonly definitions: Definitions;
  readonly print: (line: string) => void;
}

const MAX_VALUE_LENGTH = 2_000;

/** Tells what happens in the test of one DAG, as it happens. */
export class TestReport {
  readonly #options: TestReportOptions;
  readonly #width: number;

  constructor(options: TestReportOptions) {
    this.#options = options;
    this.#width = Math.max(...options.dag.tasks.map(({ id }) => id.length));
  }

  begin(file: string): void {
    const { dagId, tasks, schedule } = this.#options.dag;
    this.#print(
      `${bold(dagId)} in ${file}: ${formatCount(tasks.length, "task")}, runs ${schedule.kind === "none" ? "by hand" : `on ${schedule.text}`}`,
    );
  }

  /** What the message would become; true where it starts a run. */
  event({ assetId, payload, decisions }: NewAssetEvent): boolean {
    this.#print(`event of asset '${this.#assetName(assetId)}': ${cut(payload)}`);
    const [decision] = decisions;
    if (decision === undefined) return false;
    const because = decision.reason === null ? "" : `: ${decision.reason}`;
    if (decision.code === DECISION_CODES.filtered) this.#print(`decision: no run, ${red("filtered out")}${because}`);
    else if (decision.code === DECISION_CODES.filter_error)
      this.#print(`decision: no run, ${red("its filter could not be computed")}${because}`);
    else this.#print(`decision: ${decision.inbox === null ? "starts a run" : "goes into the pattern"}${this.#describeFilter(assetId)}`);
    return decision.code === DECISION_CODES.run || decision.inbox !== null;
  }

  deadLetter({ assetId, reasonCode, reason }: NewDeadLetter, payload: Uint8Array): void {
    this.#print(`message for asset '${this.#assetName(assetId)}': ${cut(payload)}`);
    this.#print(`decision: no event, it becomes a ${red("dead letter")}, ${reasonCode}: ${reason}`);
  }

  started(taskIndex: number, tryNumber: number): void {
    this.#line(taskIndex, `${colorState("running")}${tryNumber > 1 ? `, try ${tryNumber}` : ""}`);
  }

  lost(taskIndex: number, text: string): void {
    this.#line(taskIndex, text);
  }

  /** A step of the run, as it is stored. */
  writes({ logs, outbox, outletEvents, taskInstances }: RunWrites): void {
    // A worker logs the error that ends a try: it is told with the try's end.
    const errors = taskInstances.flatMap(({ error }) => (error === null ? [] : [parseError(error).stack]));
    for (const chunk of logs) this.#log(chunk, errors);
    for (const message of outbox) this.#published(message);
    for (const { taskIndex, event } of outletEvents) this.#emitted(taskIndex, event);
    for (const instance of taskInstances) this.#instance(instance);
  }

  end(state: string, durationMs: number): void {
    this.#print(`run: ${colorState(state)} after ${formatDuration(durationMs / 1000)}`);
  }

  #log({ taskIndex, chunk }: TaskLogWrite, errors: readonly string[]): void {
    for (const text of Buffer.from(chunk).toString("utf8").trimEnd().split("\n")) {
      if (text === "") continue;
      const { level, msg, fields } = JSON.parse(text) as { level: string; msg: string; fields?: object };
      if (level === "error" && errors.includes(msg)) continue;
      this.#line(taskIndex, `${colorLevel(level)} ${msg}${fields === undefined ? "" : ` ${JSON.stringify(fields)}`}`);
    }
  }

  #published({ taskIndex, kind, connection, params, options, body }: OutboxWrite): void {
    const more = Object.keys(options).length === 0 ? "" : ` with ${JSON.stringify(options)}`;
    this.#line(taskIndex, `publishes to ${kind} ${connection} ${JSON.stringify(params)}${more}: ${cut(body)} (not sent by a test)`);
  }

  #emitted(taskIndex: number, { assetId, payload, decisions }: NewAssetEvent): void {
    this.#line(taskIndex, `event of asset '${this.#assetName(assetId)}': ${cut(payload)}`);
    if (decisions.length === 0) this.#line(taskIndex, "  no DAG of this file is scheduled on it");
    for (const decision of decisions) this.#line(taskIndex, `  ${this.#describeDownstream(decision)}`);
  }

  #describeDownstream({ dag: id, code, reason }: PendingDecision): string {
    const dagId = [...this.#options.definitions.dags.values()].find((dag) => dag.id === id)?.dagId ?? "?";
    if (code === DECISION_CODES.run) return `${dagId}: would start a run (not started by a test)`;
    if (code === DECISION_CODES.inbox) return `${dagId}: its pattern would take it`;
    return `${dagId}: would start no run${reason === null ? "" : `: ${reason}`}`;
  }

  #instance({ taskIndex, state: code, startedAt, endedAt, value, error, try: tryNumber }: TaskInstanceWrite): void {
    if (endedAt === null) return;
    const state = readTaskInstanceState(code);
    const took = startedAt === null ? "" : ` after ${formatDuration((endedAt - startedAt) / 1000)}`;
    const result = value === null ? "" : ` → ${cut(value)}`;
    const { retries, retryDelayMs } = this.#options.dag.tasks[taskIndex]!;
    const isRetried = state === "up_for_retry";
    const tries = retries > 0 && (isRetried || state === "failed") ? `, try ${tryNumber} of ${retries + 1}` : "";
    this.#line(taskIndex, `${colorState(isRetried ? "failed" : state)}${took}${tries}${result}`);
    if (error !== null && state !== "skipped") this.#line(taskIndex, `  ${describeError(parseError(error))}`);
    if (isRetried) this.#line(taskIndex, `tried again at once; a server would wait ${formatDuration(retryDelayMs / 1000)} or more`);
  }

  #describeFilter(assetId: number): string {
    const name = this.#assetName(assetId);
    const filters = slotsOf(this.#options.dag.schedule).flatMap(({ source }) =>
      source.asset === name && source.where !== null ? [source.where] : [],
    );
    return filters.length === 1 ? `, since ${filters[0]} is true` : "";
  }

  #assetName(id: number): string {
    return this.#options.definitions.assetsById.get(id)?.name ?? "?";
  }

  #line(taskIndex: number, text: string): void {
    const id = this.#options.dag.tasks[taskIndex]!.id.padEnd(this.#width);
    for (const line of text.split("\n")) this.#print(`${id}  ${line}`);
  }

  #print(line: string): void {
    this.#options.print(line);
  }
}

function parseError(json: Uint8Array): TaskError {
  return JSON.parse(Buffer.from(json).toString("utf8")) as TaskError;
}

function describeError({ name, message, stack }: TaskError): string {
  return (stack === "" ? `${name}: ${message}` : stack).replaceAll("\n", "\n  ");
}

function cut(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH)}… (${text.length} characters)`;
}

function red(text: string): string {
  return styleText("red", text, { stream: process.stdout });
}

const LEVEL_COLORS: Readonly<Record<string, "red" | "yellow" | "gray">> = { error: "red", warn: "yellow", debug: "gray" };

function colorLevel(level: string): string {
  const label = level.toUpperCase().padEnd(5);
  const color = LEVEL_COLORS[level];
  return color === undefined ? label : styleText(color, label, { stream: process.stdout });
}
