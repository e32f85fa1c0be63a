import { setTimeout as delay } from "node:timers/promises";
import { checkOutcome, type Outcome } from "./outcome.ts";
import { Plant, type SentReading } from "./readings.ts";
import { type AssetEvent, count, type DagRun, type DeadLetter, listAll, listTaskInstances } from "./records.ts";
import type { LiveDemo } from "./live.ts";
import { showSummary } from "./summary.ts";

const TICK_MS = 25;
const MIN_MESSAGES_PER_SECOND = 200;
/** Many messages come faster, so that they take about as long. */
const AIM_SECONDS = 10;
/** After the last change of any figure. */
const GIVE_UP_AFTER_MS = 20_000;
/** Time for a second copy of an alert to come, if there is one. */
const LINGER_MS = 1_500;

export interface OnceDemo extends LiveDemo {
  readonly messages: number;
}

/** Sends a fixed number of readings and checks what became of each. Resolves to whether all is right. */
export async function runOnce(demo: OnceDemo): Promise<boolean> {
  const { broker, server, signal, terminal } = demo;
  terminal.line(`Sending ${demo.messages} readings through ${broker.kind}s to DAG ${broker.dagId} at ${server.address}`);
  const alerts: string[] = [];
  const done = new AbortController();
  const receiving = broker.receive((alert) => alerts.push(alert), AbortSignal.any([signal, done.signal]));
  // Its error is thrown where it is awaited.
  receiving.catch(() => undefined);
  const sent = await sendAll(demo, () => alerts.length);
  await settle(demo, sent, () => alerts.length);
  await delay(LINGER_MS, undefined, { signal });
  done.abort();
  await receiving;
  const outcome: Outcome = {
    sent,
    alerts,
    events: await listAll<AssetEvent>(server, "/assets/events", "asset_events"),
    deadLetters: await listAll<DeadLetter>(server, "/deadLetters", "dead_letters"),
    runs: await listAll<DagRun>(server, `/dags/${broker.dagId}/dagRuns`, "dag_runs"),
    starts: await listTaskInstances(server, broker.dagId, "risk"),
  };
  const checks = checkOutcome(outcome);
  showSummary(outcome, checks, terminal);
  return checks.every(({ wrong }) => wrong.length === 0);
}

async function sendAll({ broker, messages, signal, terminal }: OnceDemo, alerts: () => number): Promise<readonly SentReading[]> {
  const perSecond = Math.max(MIN_MESSAGES_PER_SECOND, messages / AIM_SECONDS);
  const plant = new Plant();
  const sent: SentReading[] = [];
  const start = performance.now();
  while (sent.length < messages) {
    signal.throwIfAborted();
    const due = Math.min(messages, Math.ceil(((performance.now() - start) / 1000) * perSecond));
    const batch = Array.from({ length: due - sent.length }, () => plant.read());
    if (batch.length > 0) await broker.send(batch.map(({ body }) => body));
    sent.push(...batch);
    terminal.progress(sent.length, messages, `${sent.length} of ${messages} sent, ${alerts()} alerts`);
    await delay(TICK_MS, undefined, { signal });
  }
  return sent;
}

/** Until every message is stored, every run has ended and every alert came out, or nothing changes any more. */
async function settle({ broker, server, signal, terminal }: OnceDemo, sent: readonly SentReading[], alerts: () => number): Promise<void> {
  const wanted = sent.filter(({ expectation }) => expectation === "alert").length;
  let last = "";
  let changedAt = performance.now();
  while (performance.now() - changedAt < GIVE_UP_AFTER_MS) {
    const stored = (await count(server, "/assets/events")) + (await count(server, "/deadLetters"));
    const active = await count(server, `/dags/${broker.dagId}/dagRuns`, "&state=queued&state=running");
    if (stored >= sent.length && active === 0 && alerts() >= wanted) return;
    const figures = `${stored} of ${sent.length} stored, ${active} runs active, ${alerts()} of ${wanted} alerts`;
    terminal.progress(stored, sent.length, figures);
    if (figures !== last) changedAt = performance.now();
    last = figures;
    await delay(TICK_MS * 2, undefined, { signal });
  }
}
