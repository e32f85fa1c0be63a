import { type AssetDefinition, describeIssues, findDefinition, type Schema, type TaskDefinition } from "@millrace/sdk/internal";
import { PermanentError } from "./permanent-error.ts";
import type { TaskOutput } from "./task-runner.ts";

interface Checked {
  readonly check: Promise<void>;
}
type Published = TaskOutput["outbox"][number] & Checked;
type Emitted = TaskOutput["outletEvents"][number] & Checked;

/** What a task publishes and emits, kept until its success is stored. */
export class TaskOutputs {
  readonly #task: TaskDefinition;
  readonly #published: Published[] = [];
  readonly #emitted: Emitted[] = [];
  #isFinished = false;

  constructor(task: TaskDefinition) {
    this.#task = task;
  }

  /** @throws {PermanentError} for a destination that is none, or a body that does not pass its schema or is not JSON. */
  publish(destination: unknown, body: unknown, options: object = {}): void {
    this.#assertOpen("publish");
    const definition = findDefinition(destination);
    if (definition?.kind !== "destination") {
      throw new PermanentError("publish expects a destination made by a provider, such as sqsQueue({ … }), as its first argument");
    }
    const name = `the body for ${definition.destinationKind} '${definition.connection}'`;
    this.#published.push({
      kind: definition.destinationKind,
      connection: definition.connection,
      params: definition.params as Readonly<Record<string, unknown>>,
      options: options as Readonly<Record<string, unknown>>,
      body: body instanceof Uint8Array ? body : encodeJson(body, name),
      check: checkWith(definition.schema, body, name),
    });
  }

  /** @throws {PermanentError} for an asset that is no outlet of this task, or a payload that does not pass its schema. */
  emit(asset: unknown, payload: unknown, details: { extra?: Record<string, unknown>; partitionKey?: string } = {}): void {
    this.#assertOpen("emit");
    const definition = findDefinition(asset);
    const outlet = this.#task.outlets.find(({ name }) => definition?.kind === "asset" && definition.name === name);
    if (outlet === undefined) {
      const outlets = this.#task.outlets.map(({ name }) => `'${name}'`).join(", ") || "none";
      throw new PermanentError(`emit expects one of the outlets of task '${this.#task.id}' (${outlets}): add the asset to its \`outlets\``);
    }
    this.#add(outlet, payload, details);
  }

  async finish(value: unknown): Promise<TaskOutput> {
    const json = value === undefined ? null : encodeJson(value, `the result of task '${this.#task.id}'`).toString("utf8");
    for (const outlet of this.#task.outlets) {
      // Without `emit`, success brings one event; its payload is the result where the asset says what payloads are.
      if (!this.#emitted.some(({ asset }) => asset === outlet.name)) this.#add(outlet, outlet.schema === null ? null : value, {});
    }
    this.#isFinished = true;
    await Promise.all([...this.#published, ...this.#emitted].map(({ check }) => check));
    return {
      value: json,
      outletEvents: this.#emitted.map(({ check: _check, ...event }) => event),
      outbox: this.#published.map(({ check: _check, ...message }) => message),
    };
  }

  #add(outlet: AssetDefinition, payload: unknown, details: { extra?: Record<string, unknown>; partitionKey?: string }): void {
    const name = `the payload for asset '${outlet.name}'`;
    this.#emitted.push({
      asset: outlet.name,
      payload: encodeJson(payload ?? null, name),
      extra: details.extra ?? {},
      partitionKey: details.partitionKey ?? null,
      check: checkWith(outlet.schema, payload, name),
    });
  }

  #assertOpen(verb: string): void {
    if (this.#isFinished) throw new PermanentError(`${verb} was called after task '${this.#task.id}' had ended: await what you start`);
  }
}

function checkWith(schema: Schema | null, value: unknown, name: string): Promise<void> {
  const checked = check(schema, value, name);
  // Reported by `finish`; without this, Node would end the process over it first.
  checked.catch(() => undefined);
  return checked;
}

async function check(schema: Schema | null, value: unknown, name: string): Promise<void> {
  const result = await schema?.["~standard"].validate(value);
  if (result?.issues !== undefined) throw new PermanentError(`${name} does not pass its schema: ${describeIssues(result.issues)}`);
}

function encodeJson(value: unknown, name: string): Buffer {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw new PermanentError(`${name} cannot be written as JSON: ${(error as Error).message}`, { cause: error });
  }
  if (json === undefined) throw new PermanentError(`${name} is a ${typeof value}, which JSON cannot hold`);
  return Buffer.from(json);
}
