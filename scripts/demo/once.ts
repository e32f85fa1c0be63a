import { setTimeout as delay } from "node:timers/promises";
import type { LiveDemo } from "./live.ts";
import { type AssetEvent, count, type DagRun, type DeadLetter, failureOf, listAll, listTaskInstances } from "./records.ts";
import type { Found, Scenario } from "./scenario.ts";
import { keyOfEvent, type Plant } from "./scenarios/plant.ts";
import { showSummary } from "./summary.ts";

const TICK_MS = 25;
const MIN_MESSAGES_PER_SECOND = 200;
/** Many messages come faster, so that they take about as long. */
const AIM_SECONDS = 10;
/** After the last change of any figure. */
const GIVE_UP_AFTER_MS = 20_000;
/** Time for a second copy of a reply to come, if there is one. */
const LINGER_MS = 1_500;
/** Of each scenario, however few readings there are: a good file and a malformed one among them. */
const MIN_MESSAGES = 4;

export interface OnceDemo extends LiveDemo {
  readonly readings: Plant;
  /** Readings; the other scenarios have a share of that. */
  readonly messages: number;
}

/** What one scenario is to send, and has sent and got. */
interface Part {
  readonly scenario: Scenario;
  readonly total: number;
  sent: number;
  readonly replies: string[];
}

/** Sends a fixed number of messages and checks what became of each. Resolves to whether all is right. */
export async function runOnce(demo: OnceDemo): Promise<boolean> {
  const { broker, server, signal, terminal, scenarios, messages, readings } = demo;
  const parts = scenarios.map((scenario): Part => {
    const total = scenario === readings ? messages : Math.max(MIN_MESSAGES, Math.round(messages * scenario.share));
    return { scenario, total, sent: 0, replies: [] };
  });
  const what = parts.map(({ scenario, total }) => `${total} ${scenario.name}`).join(", ");
  terminal.line(`Sending ${what} through ${broker.kind}s to Millrace at ${server.address}`);
  const done = new AbortController();
  const receiving = Promise.all(parts.map((part) => receive(demo, part, AbortSignal.any([signal, done.signal]))));
  // Its error is thrown where it is awaited.
  receiving.catch(() => undefined);
  await sendAll(demo, parts);
  await settle(demo, parts);
  await delay(LINGER_MS, undefined, { signal });
  done.abort();
  await receiving;
  const found = await Promise.all(parts.map(({ scenario, replies }) => find(demo, scenario, replies)));
  const checks = scenarios.flatMap((scenario, index) => scenario.check(found[index]!));
  const figures = scenarios.flatMap((scenario, index) => scenario.figures(found[index]!));
  showSummary(figures, await startDelays(demo, found[0]!), checks, terminal);
  return checks.every(({ wrong }) => wrong.length === 0);
}

async function receive({ broker }: OnceDemo, { scenario, replies }: Part, signal: AbortSignal): Promise<void> {
  if (scenario.replies !== null) await broker.receive(scenario.replies.queue, (body) => replies.push(body), signal);
}

async function sendAll(demo: OnceDemo, parts: readonly Part[]): Promise<void> {
  const { broker, messages, signal, terminal } = demo;
  const durationMs = 1_000 * Math.min(messages / MIN_MESSAGES_PER_SECOND, AIM_SECONDS);
  const start = performance.now();
  while (parts.some(({ sent, total }) => sent < total)) {
    signal.throwIfAborted();
    const share = Math.min(1, (performance.now() - start) / durationMs);
    for (const part of parts) {
      const due = Math.ceil(share * part.total) - part.sent;
      if (due > 0)
        await broker.send(
          part.scenario.source,
          Array.from({ length: due }, () => part.scenario.next().body),
        );
      part.sent += Math.max(0, due);
    }
    terminal.progress(parts[0]!.sent, messages, `${parts[0]!.sent} of ${messages} sent, ${parts[0]!.replies.length} alerts`);
    await delay(TICK_MS, undefined, { signal });
  }
}

/** Until every message is stored, every run has ended and every reply came out, or nothing changes any more. */
async function settle({ server, signal, terminal }: OnceDemo, parts: readonly Part[]): Promise<void> {
  const sent = parts.reduce((sum, part) => sum + part.sent, 0);
  let last = "";
  let changedAt = performance.now();
  while (performance.now() - changedAt < GIVE_UP_AFTER_MS) {
    const stored = (await count(server, "/assets/events")) + (await count(server, "/deadLetters"));
    const active = await count(server, "/dags/~/dagRuns", "&state=queued&state=running");
    const missing = parts.reduce((sum, { scenario, replies }) => sum + Math.max(0, scenario.expectedReplies() - replies.length), 0);
    if (stored >= sent && active === 0 && missing === 0) return;
    const figures = `${Math.min(stored, sent)} of ${sent} stored, ${active} runs active, ${missing} replies to come`;
    terminal.progress(stored, sent, figures);
    if (figures !== last) changedAt = performance.now();
    last = figures;
    await delay(TICK_MS * 2, undefined, { signal });
  }
}

async function find({ server }: OnceDemo, { assets, dagIds }: Scenario, replies: readonly string[]): Promise<Found> {
  const events = (await listAll<AssetEvent>(server, "/assets/events", "asset_events")).filter(({ name }) => assets.includes(name));
  const ofAsset = events[0]?.asset_id;
  const letters = await listAll<DeadLetter>(server, "/deadLetters", "dead_letters");
  const runs = await Promise.all(dagIds.map((dag) => listAll<DagRun>(server, `/dags/${dag}/dagRuns`, "dag_runs")));
  const failed = runs.flat().filter(({ state }) => state === "failed");
  const errors = await Promise.all(failed.map(async (run) => [run.dag_run_id, await failureOf(server, run)] as const));
  const deadLetters = letters.filter(({ asset_id: id }) => id === ofAsset);
  return { events, deadLetters, runs: runs.flat(), errors: new Map(errors), replies };
}

/** Sorted ms from just before a reading was sent to the start of its run's first task. */
async function startDelays({ server, readings }: OnceDemo, { events }: Found): Promise<readonly number[]> {
  const sentAt = new Map(readings.sent.map(({ key, sentAt: at }) => [key, at]));
  const keys = new Map(events.flatMap((event) => event.created_dagruns.map(({ run_id: id }) => [id, keyOfEvent(event)])));
  const starts = await listTaskInstances(server, readings.dagIds[0]!, "risk");
  const delays = starts.flatMap(({ dag_run_id: id, start_date: start }) => {
    const from = sentAt.get(keys.get(id) ?? "");
    return from === undefined || start === null ? [] : [Math.max(0, Date.parse(start) - from)];
  });
  return delays.sort((a, b) => a - b);
}
