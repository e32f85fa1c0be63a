import { setTimeout as delay } from "node:timers/promises";
import { ALERTS, type Broker, READINGS } from "./broker.ts";
import { DemoError } from "./demo-error.ts";
import { LiveView } from "./live-view.ts";
import { Plant } from "./readings.ts";
import type { MillraceServer } from "./server.ts";
import type { Terminal } from "./terminal.ts";

const MIN_PAUSE_MS = 200;
const MAX_PAUSE_MS = 1_500;
const POLL_MS = 200;

export interface LiveDemo {
  readonly broker: Broker;
  readonly server: MillraceServer;
  readonly terminal: Terminal;
  /** Aborted when it is to end. */
  readonly signal: AbortSignal;
}

/** Sends readings at a gentle random pace and shows what becomes of them, until the signal. */
export async function runLive(demo: LiveDemo): Promise<void> {
  const { broker, terminal, signal } = demo;
  showLegend(demo);
  const view = new LiveView(demo.server, broker.dagId, terminal);
  await Promise.all([
    sendReadings(broker, view, signal),
    broker.receive((alert) => view.addAlert(alert), signal),
    repeat(POLL_MS, signal, () => view.refresh()),
  ]);
  if (signal.reason instanceof DemoError) throw signal.reason;
  await view.refresh();
  terminal.line();
  terminal.line(`${view.totals()}. Stopping.`);
}

async function sendReadings(broker: Broker, view: LiveView, signal: AbortSignal): Promise<void> {
  const plant = new Plant();
  await repeat(
    () => MIN_PAUSE_MS + Math.random() * (MAX_PAUSE_MS - MIN_PAUSE_MS),
    signal,
    async () => {
      const reading = plant.read();
      view.addMessage(reading);
      await broker.send([reading.body]);
    },
  );
}

async function repeat(pauseMs: number | (() => number), signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await act();
    await delay(typeof pauseMs === "number" ? pauseMs : pauseMs(), undefined, { signal }).catch(() => undefined);
  }
}

function showLegend({ broker, server, terminal }: LiveDemo): void {
  const { kind, dagId } = broker;
  const url = `${server.address}/api/v2/dags/${dagId}/dagRuns?order_by=-id&limit=3`;
  const flow = `sensor readings → ${kind} ${READINGS} → DAG ${dagId} → ${kind} ${ALERTS}`;
  const words: readonly (readonly [Parameters<Terminal["paint"]>[0], string, string])[] = [
    ["blue", "message", `a reading was sent to ${kind} ${READINGS}`],
    ["cyan", "event", "it is stored as an asset event and starts a DAG run"],
    ["dim", "filtered", "it is stored too, but `where` says that it starts no run"],
    ["green", "run", "a DAG run starts, and ends"],
    ["yellow", "alert", `a task published it; it was read from ${kind} ${ALERTS}`],
    ["red", "dead letter", "the message is no reading: kept with the reason"],
  ];
  terminal.line(terminal.paint("bold", flow));
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
