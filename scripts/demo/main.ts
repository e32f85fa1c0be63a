// `npm start`: Millrace at work on this machine. It uses what any user has: the command line, REST, and the broker's own client.
import { once as nextEvent } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "./broker.ts";
import { DemoError } from "./demo-error.ts";
import { KafkaBroker } from "./kafka-broker.ts";
import { runLive } from "./live.ts";
import { runOnce } from "./once.ts";
import { type DemoOptions, HELP, parseOptions } from "./options.ts";
import type { Scenario } from "./scenario.ts";
import { Delivery } from "./scenarios/delivery.ts";
import { Inference } from "./scenarios/inference.ts";
import { Plant } from "./scenarios/plant.ts";
import { MillraceServer } from "./server.ts";
import { SqsBroker } from "./sqs-broker.ts";
import { Terminal } from "./terminal.ts";

const INTERRUPTED = 130;
/** One Ctrl-C comes twice: from the terminal, and passed on by npm. */
const SAME_CTRL_C_MS = 500;
const DEATH_KNOWN_WITHIN_MS = 1_000;

/** Aborted by Ctrl-C (no reason of ours) or by a part that ended early (its DemoError). A second Ctrl-C ends at once. */
function watchForEnd(): AbortController {
  const ending = new AbortController();
  let firstAt = Number.POSITIVE_INFINITY;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (signal === "SIGINT" && performance.now() - firstAt > SAME_CTRL_C_MS) process.exit(INTERRUPTED);
      firstAt = Math.min(firstAt, performance.now());
      ending.abort();
    });
  }
  // Nobody reads any more, as after `npm start | head`.
  process.stdout.on("error", () => ending.abort());
  return ending;
}

async function runDemo(options: DemoOptions, terminal: Terminal, ending: AbortController): Promise<number> {
  const { signal } = ending;
  const home = mkdtempSync(join(tmpdir(), "millrace-demo-"));
  const removeHome = (): void => rmSync(home, { recursive: true, force: true });
  process.once("exit", removeHome);
  const onEarlyExit = (error: DemoError): void => ending.abort(error);
  const readings = new Plant(options.kafka === null ? "sqs" : "kafka");
  const scenarios: readonly Scenario[] =
    options.kafka === null ? [readings, new Inference("sqs"), new Delivery(home)] : [readings, new Inference("kafka")];
  const queues = scenarios.flatMap(({ source, replies }) => (replies === null ? [source] : [source, replies.queue]));
  await using broker: Broker =
    options.kafka === null ? await SqsBroker.start(queues, onEarlyExit) : await KafkaBroker.connect(options.kafka, queues);
  signal.throwIfAborted();
  const environment = Object.assign({}, broker.environment, ...scenarios.map((scenario) => scenario.environment)) as Record<string, string>;
  const dags = scenarios.map(({ dagFile }) => dagFile);
  await using server = await MillraceServer.start({ dags, home, environment, onEarlyExit, signal });
  const demo = { broker, readings, scenarios, server, terminal, signal };
  try {
    if (options.isOnce) return (await runOnce({ ...demo, messages: options.messages })) ? 0 : 1;
    await runLive(demo);
    return 0;
  } catch (error) {
    throw await causeOf(error, signal);
  }
}

/** A request that fails because a part died may be known before that death is. */
async function causeOf(thrown: unknown, signal: AbortSignal): Promise<unknown> {
  if (thrown instanceof DemoError) return thrown;
  if (!signal.aborted) await Promise.race([nextEvent(signal, "abort"), delay(DEATH_KNOWN_WITHIN_MS)]);
  return signal.aborted ? signal.reason : thrown;
}

async function main(): Promise<number> {
  const terminal = new Terminal(process.stdout, process.env);
  const ending = watchForEnd();
  let options: DemoOptions | null = null;
  try {
    options = parseOptions(process.argv.slice(2));
    if (options !== null) return await runDemo(options, terminal, ending);
    terminal.line(HELP);
    return 0;
  } catch (error) {
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : error;
    if (reason instanceof DemoError) {
      console.error(`${reason.message}\n  hint: ${reason.hint}`);
      return reason.exitCode;
    }
    if (!ending.signal.aborted) throw error;
    return options?.isOnce === true ? INTERRUPTED : 0;
  }
}

process.exit(await main());
