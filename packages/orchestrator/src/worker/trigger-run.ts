import { pathToFileURL } from "node:url";
import { collectDefinitions, type Definition, describeIssues, type Schema, type TriggerDefinition } from "@millrace/sdk/internal";
import { canonicalJson } from "../domain/canonical-json.ts";
import { SecretMask } from "../domain/secret-mask.ts";
import type { HostFrame, HostServerFrame } from "../domain/trigger-host-frames.ts";
import { describeError } from "./describe-error.ts";
import { resolveImportsFrom } from "./resolve-hooks.ts";
import { encodeEvents, type EncodedEvents } from "./trigger-events.ts";

type OpenFrame = Extract<HostServerFrame, { type: "open" }>;

export interface TriggerRunOptions {
  send(frame: HostFrame, tail?: readonly Uint8Array[]): void;
  end(exitCode: number): void;
}

interface OpenTrigger {
  readonly definition: TriggerDefinition;
  readonly params: unknown;
}

/** Runs a trigger's generator: pulls it again once what it gave is stored. */
export class TriggerRun {
  readonly #options: TriggerRunOptions;
  readonly #abort = new AbortController();
  readonly #closed = Promise.withResolvers<false>();
  readonly #requests = new Map<number, PromiseWithResolvers<unknown>>();
  #trigger: OpenTrigger | null = null;
  #stored = new Map<number, (isStored: true) => void>();
  #counter = 0;
  #isOver = false;

  constructor(options: TriggerRunOptions) {
    this.#options = options;
  }

  receive(frame: HostServerFrame): void {
    switch (frame.type) {
      case "open":
        this.#open(frame).catch((error: unknown) => this.fail(error));
        break;
      case "start":
        this.#run(frame.cursor).catch((error: unknown) => this.fail(error));
        break;
      case "stored":
        this.#stored.get(frame.seq)?.(true);
        this.#stored.delete(frame.seq);
        break;
      case "value":
        this.#settle(frame);
        break;
      case "close":
        this.#close();
        break;
    }
  }

  /** Tells the server and ends the process. What goes wrong while it is stopped anyway is nobody's concern. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#abort.signal.aborted) return this.#options.end(0);
    this.#options.send({ type: "failed", error: describeError(error, new SecretMask()).error });
    this.#options.end(1);
  }

  async #open({ bundle, source, kind, params }: OpenFrame): Promise<void> {
    const definition = await importTrigger(bundle, source, kind);
    const parsed = definition.params === null ? {} : await parse(definition.params, params, "the params");
    this.#trigger = { definition, params: parsed };
    this.#options.send({ type: "opened", source: definition.source === null ? canonicalJson(params) : definition.source(parsed) });
  }

  async #run(cursor: string | null): Promise<void> {
    const { definition, params } = this.#trigger!;
    const given: unknown = cursor === null ? undefined : JSON.parse(cursor);
    const context = {
      params,
      cursor: given === undefined || definition.cursor === null ? given : await parse(definition.cursor, given, "the stored cursor"),
      signal: this.#abort.signal,
      log: this.#log(),
      connection: (id: string) => this.#get("connection", id),
      variable: (key: string) => this.#get("variable", key),
    };
    const events = iterate(definition.run(context));
    for (;;) {
      const { value, done } = await events.next();
      if (this.#abort.signal.aborted) break;
      if (done) return this.#finish({ type: "ended" });
      if (!(await this.#give(value))) break;
    }
    await events.return?.();
    this.#finish(null);
  }

  #finish(frame: HostFrame | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (frame !== null && !this.#abort.signal.aborted) this.#options.send(frame);
    this.#options.end(0);
  }

  /** True once it is stored; false where the trigger stops before. */
  async #give(value: unknown): Promise<boolean> {
    const given = encodeEvents(value).map((batch) => this.#send(batch));
    const stored = await Promise.race([Promise.all(given), this.#closed.promise]);
    return stored !== false;
  }

  #send({ events, payloads }: EncodedEvents): Promise<true> {
    const { promise, resolve } = Promise.withResolvers<true>();
    this.#counter += 1;
    this.#stored.set(this.#counter, resolve);
    this.#options.send({ type: "yield", seq: this.#counter, events }, payloads);
    return promise;
  }

  #log(): object {
    const at = (level: "debug" | "info" | "warn" | "error") => (message: unknown, fields?: object) =>
      this.#options.send({ type: "log", level, message: String(message), fields: plainFields(fields) });
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  #get(what: "connection" | "variable", id: string): Promise<unknown> {
    const request = Promise.withResolvers<unknown>();
    this.#counter += 1;
    this.#requests.set(this.#counter, request);
    this.#options.send({ type: "get", request: this.#counter, what, id });
    return request.promise;
  }

  #settle({ request, value, error }: Extract<HostServerFrame, { type: "value" }>): void {
    const open = this.#requests.get(request);
    this.#requests.delete(request);
    if (error === null) open?.resolve(value);
    else open?.reject(new Error(error));
  }

  #close(): void {
    this.#abort.abort(new DOMException("the trigger is to stop", "AbortError"));
    this.#closed.resolve(false);
    if (this.#trigger === null) this.#finish(null);
  }
}

/** @throws {TypeError} where `run` is no generator, which only the compiler says before */
function iterate(given: Partial<AsyncIterable<unknown>> | null | undefined): AsyncIterator<unknown> {
  const events = given?.[Symbol.asyncIterator]?.();
  if (events === undefined) throw new TypeError("expected run to be an async generator (async function*), got another function");
  return events;
}

/** The newest of its kind that is made while the bundle is imported. */
async function importTrigger(bundle: string, source: string, kind: string): Promise<TriggerDefinition> {
  const made: Definition[] = [];
  collectDefinitions(made);
  const url = pathToFileURL(bundle).href;
  resolveImportsFrom(url, source);
  await import(url);
  const found = made.filter((definition) => definition.kind === "trigger").find(({ triggerKind }) => triggerKind === kind);
  if (found === undefined) throw new Error(`the file '${source}' makes no trigger of kind '${kind}'`);
  return found;
}

/** null for what cannot be written. */
function plainFields(fields: object | undefined): object | null {
  try {
    return fields === undefined ? null : (JSON.parse(JSON.stringify(fields)) as object);
  } catch {
    return null;
  }
}

async function parse(schema: Schema, value: unknown, what: string): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues !== undefined) throw new Error(`${what} of the trigger does not fit: ${describeIssues(result.issues)}`);
  return result.value;
}
