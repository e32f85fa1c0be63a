import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "./broker.ts";
import { DemoError } from "./demo-error.ts";
import { LiveView } from "./live-view.ts";
import type { Scenario } from "./scenario.ts";
import type { MillraceServer } from "./server.ts";
import type { Terminal } from "./terminal.ts";

const POLL_MS = 200;

export interface LiveDemo {
  readonly broker: Broker;
  readonly scenarios: readonly Scenario[];
  readonly server: MillraceServer;
  readonly terminal: Terminal;
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
}

/** Sends messages at a gentle random pace and shows what becomes of them, until the signal. */
export async function runLive(demo: LiveDemo): Promise<void> {
  const { broker, scenarios, terminal, signal } = demo;
  showLegend(demo);
  const view = new LiveView(demo.server, scenarios, terminal);
  await Promise.all([
    ...scenarios.map((scenario) => sendMessages(scenario, broker, view, signal)),
    ...scenarios.map((scenario) => receiveReplies(scenario, broker, view, signal)),
    repeat(POLL_MS, signal, () => view.refresh()),
  ]);
  if (signal.reason instanceof DemoError) throw signal.reason;
  await view.refresh();
  terminal.line();
  terminal.line(`${view.totals()}. Stopping.`);
}

async function sendMessages(scenario: Scenario, broker: Broker, view: LiveView, signal: AbortSignal): Promise<void> {
  const { min, max } = scenario.pauseMs;
  await repeat(
    () => min + Math.random() * (max - min),
    signal,
    async () => {
      const message = scenario.next();
      view.addMessage(message);
      await broker.send(scenario.source, [message.body]);
    },
  );
}

async function receiveReplies(scenario: Scenario, broker: Broker, view: LiveView, signal: AbortSignal): Promise<void> {
  if (scenario.replies === null) return;
  await broker.receive(scenario.replies.queue, (body) => view.addReply(scenario, body), signal);
}

async function repeat(pauseMs: number | (() => number), signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await act();
    await delay(typeof pauseMs === "number" ? pauseMs : pauseMs(), undefined, { signal }).catch(() => undefined);
  }
}

function showLegend({ broker: { kind }, scenarios, server, terminal }: LiveDemo): void {
  const [first] = scenarios;
  const url = `${server.address}/api/v2/dags/${first!.dagIds[0]}/dagRuns?order_by=-id&limit=3`;
  const words: readonly (readonly [Parameters<Terminal["paint"]>[0], string, string])[] = [
    ["blue", "message", `was sent to its ${kind}`],
    ["cyan", "event", "it is stored as an asset event and starts a DAG run"],
    ["dim", "filtered", "it is stored too, but `where` says that it starts no run"],
    ["green", "run", "a DAG run starts, and ends"],
    ["yellow", "alert, reply", `a task published it; it was read from its ${kind}`],
    ["red", "dead letter", "the message does not fit its schema: kept with the reason"],
  ];
  for (const { name, source, dagIds, replies } of scenarios) {
    const flow = [
      name,
      `${kind} ${source}`,
      ...dagIds.map((dag) => `DAG ${dag}`),
      ...(replies === null ? [] : [`${kind} ${replies.queue}`]),
    ];
    terminal.line(terminal.paint("bold", flow.join(" → ")));
  }
  terminal.line();
  for (const [colour, word, meaning] of words) terminal.line(`  ${terminal.paint(colour, word.padEnd(12))} ${meaning}`);
  terminal.line();
  terminal.line(`The API is at ${server.address}/api/v2. Try this in another terminal:`);
  terminal.line();
  terminal.line(`  curl -s -H 'Authorization: Bearer ${server.token}' '${url}'`);
  terminal.line();
  terminal.line("Ctrl-C stops it.");
  terminal.line();
}
