import type { Connection } from "@millrace/sdk/provider";
import { type DagDefinition, describeIssues, type Schema, type TaskDefinition, UNCHECKED_VENDOR } from "@millrace/sdk/internal";
import { TailReader } from "../domain/frame-codec.ts";
import type { DispatchFrame, TaskPlace, WireEvent } from "../domain/worker-frames.ts";
import { assetsOfPattern, patternAt } from "./pattern-assets.ts";
import { PermanentError } from "./permanent-error.ts";
import { type StartingEvent, startOf } from "./run-start.ts";
import type { SecretMask } from "../domain/secret-mask.ts";
import type { TaskLog } from "./task-log.ts";
import { TaskOutputs } from "./task-outputs.ts";
import type { TaskOutput } from "./task-runner.ts";
import type { ValueRequests } from "./value-requests.ts";

export type Dispatch = Omit<DispatchFrame, "place"> & TaskPlace;

export interface PreparedTask {
  run(): unknown;
  /** What is to be stored with this success. @throws {PermanentError} for output that does not fit. */
  finish(value: unknown): Promise<TaskOutput>;
}

export interface TaskInput {
  readonly dispatch: Dispatch;
  readonly tail: Buffer;
  readonly dag: DagDefinition;
  readonly log: TaskLog;
  readonly mask: SecretMask;
  readonly values: ValueRequests;
  readonly signal: AbortSignal;
}

/** Builds the one flat object that a task function gets (packages/sdk/src/task-context.ts). */
export async function prepareTask(input: TaskInput): Promise<PreparedTask> {
  const { dispatch, dag } = input;
  const task = dag.tasks.find(({ id }) => id === dispatch.taskId);
  if (task === undefined) throw new PermanentError(`DAG '${dag.dagId}' has no task '${dispatch.taskId}'`);
  const tail = new TailReader(input.tail);
  const outputs = new TaskOutputs(task);
  const events = await readEvents(dispatch.events, tail, dag);
  const results = Object.fromEntries(dispatch.needs.map(([name, length]) => [name, parseJson(tail.take(length))]));
  const params = await readParams(tail.take(dispatch.paramsBytes), dag);
  const context = { ...startOf(patternAt(dag.schedule, dispatch.part), events), ...scopeOf(input, task, params, outputs), ...results };
  return { run: () => task.run(context), finish: (value) => outputs.finish(value) };
}

function scopeOf(input: TaskInput, task: TaskDefinition, params: unknown, outputs: TaskOutputs): object {
  const { dispatch, log, signal } = input;
  const { ref, run } = dispatch;
  return {
    params,
    run: {
      id: run.dagRunId,
      dagId: dispatch.dagId,
      type: run.type,
      logicalDate: run.logicalDate === null ? null : new Date(run.logicalDate),
    },
    task: { id: task.id, try: ref.try, mapIndex: ref.mapIndex },
    log: {
      debug: (message: string, fields?: object) => log.add("debug", message, fields),
      info: (message: string, fields?: object) => log.add("info", message, fields),
      warn: (message: string, fields?: object) => log.add("warn", message, fields),
      error: (message: string, fields?: object) => log.add("error", message, fields),
    },
    signal,
    publish: outputs.publish.bind(outputs),
    emit: outputs.emit.bind(outputs),
    connection: (id: string) => getConnection(input, id),
    variable: (key: string) => getVariable(input, key),
  };
}

async function getConnection({ values, dispatch, mask }: TaskInput, id: string): Promise<Connection> {
  const connection = (await values.get(dispatch.ref, "connection", id)) as Connection;
  mask.addConnection(connection);
  return connection;
}

async function getVariable({ values, dispatch, mask }: TaskInput, key: string): Promise<string> {
  const value = (await values.get(dispatch.ref, "variable", key)) as string;
  mask.add(value);
  return value;
}

async function readEvents(events: readonly WireEvent[], tail: TailReader, dag: DagDefinition): Promise<readonly StartingEvent[]> {
  const read: StartingEvent[] = [];
  for (const event of events) {
    const payload = parseJson(tail.take(event.payloadBytes));
    const key = tail.take(event.keyBytes);
    const seen = {
      id: String(event.id),
      asset: event.asset,
      payload: await parseWith(assetSchema(dag, event.asset), payload, `the payload of asset '${event.asset}'`),
      messageKey: key === null ? null : key.toString("utf8"),
      headers: Object.fromEntries(event.headers),
      partitionKey: event.partitionKey,
      timestamp: new Date(event.at),
      extra: event.isFromTrigger ? { ...event.extra, from_trigger: true, payload } : event.extra,
    };
    read.push({ leg: event.leg ?? 0, event: seen });
  }
  return read;
}

function assetSchema({ schedule }: DagDefinition, name: string): Schema | null {
  return assetsOfPattern(schedule).find((asset) => asset.name === name)?.schema ?? null;
}

async function readParams(bytes: Buffer | null, dag: DagDefinition): Promise<unknown> {
  return parseWith(dag.params, bytes === null ? {} : parseJson(bytes), "params");
}

/** Tasks get the schema's output; ingest checked and stored its input. */
async function parseWith(schema: Schema | null, value: unknown, name: string): Promise<unknown> {
  if (schema === null || schema["~standard"].vendor === UNCHECKED_VENDOR) return value;
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new PermanentError(`${name} does not pass its schema: ${describeIssues(result.issues)}`);
  return result.value;
}

function parseJson(bytes: Buffer | null): unknown {
  return bytes === null ? undefined : (JSON.parse(bytes.toString("utf8")) as unknown);
}
