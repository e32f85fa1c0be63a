import type { Colour, Terminal } from "./terminal.ts";
import { preciseNow, type SentReading } from "./readings.ts";
import { type AssetEvent, type DagRun, type DeadLetter, listDecisions } from "./records.ts";
import type { MillraceServer } from "./server.ts";

interface Line {
  readonly at: number;
  readonly colour: Colour;
  readonly word: string;
  readonly text: string;
}

/** Far more than the pace of the demo brings between two looks. */
const LATEST = 100;

/** What happened since the last look, as lines in order of time. */
export class LiveView {
  readonly #server: MillraceServer;
  readonly #dagId: string;
  readonly #terminal: Terminal;
  readonly #shown = new Set<string>();
  readonly #counts = { messages: 0, runs: 0, alerts: 0 };
  #waiting: Line[] = [];

  constructor(server: MillraceServer, dagId: string, terminal: Terminal) {
    this.#server = server;
    this.#dagId = dagId;
    this.#terminal = terminal;
  }

  addMessage({ text, sentAt }: SentReading): void {
    this.#counts.messages += 1;
    this.#add(sentAt, "blue", "message", text);
  }

  addAlert(body: string): void {
    this.#counts.alerts += 1;
    const { sensor, risk } = JSON.parse(body) as { sensor: string; risk: number };
    this.#add(preciseNow(), "yellow", "alert", `${sensor} has a risk of ${risk.toFixed(2)}`);
  }

  /** Reads what is new over REST, and shows it. */
  async refresh(): Promise<void> {
    const list = <Row>(path: string, field: string): Promise<readonly Row[]> =>
      this.#server.get<Record<string, readonly Row[]>>(`${path}?order_by=-id&limit=${LATEST}`).then((page) => page[field]!);
    const [events, runs, letters] = await Promise.all([
      list<AssetEvent>("/assets/events", "asset_events"),
      list<DagRun>(`/dags/${this.#dagId}/dagRuns`, "dag_runs"),
      list<DeadLetter>("/deadLetters", "dead_letters"),
    ]);
    for (const event of events) if (this.#isNew(`event ${event.id}`)) await this.#addEvent(event);
    for (const run of runs) this.#addRun(run);
    for (const { id, timestamp, reason } of letters)
      if (this.#isNew(`dead letter ${id}`)) this.#add(Date.parse(timestamp), "red", "dead letter", reason);
    this.#flush();
  }

  totals(): string {
    const { messages, runs, alerts } = this.#counts;
    return `${messages} messages sent, ${runs} runs ended, ${alerts} alerts received`;
  }

  async #addEvent({ id, timestamp, payload, created_dagruns: [run] }: AssetEvent): Promise<void> {
    const reading = `${payload.sensor} ${payload.celsius.toFixed(1)} °C`;
    const at = Date.parse(timestamp);
    if (run !== undefined) return this.#add(at, "cyan", "event", `${reading} starts run ${shortId(run.run_id)}`);
    const [decision] = await listDecisions(this.#server, id);
    this.#add(at, "dim", decision?.decision ?? "event", `${reading}: ${decision?.reason ?? "no DAG waits for it"}`);
  }

  #addRun({ dag_run_id: id, state, start_date: start, end_date: end, error }: DagRun): void {
    const name = shortId(id);
    if (start !== null && this.#isNew(`start ${id}`)) this.#add(Date.parse(start), "green", "run", `${name} starts`);
    if (end === null || !this.#isNew(`end ${id}`)) return;
    this.#counts.runs += 1;
    const took = start === null ? "" : ` after ${Date.parse(end) - Date.parse(start)} ms`;
    this.#add(
      Date.parse(end),
      state === "success" ? "green" : "red",
      "run",
      `${name} ends in ${state}${took}${error === null ? "" : `: ${error}`}`,
    );
  }

  #isNew(name: string): boolean {
    if (this.#shown.has(name)) return false;
    this.#shown.add(name);
    return true;
  }

  #add(at: number, colour: Colour, word: string, text: string): void {
    this.#waiting.push({ at, colour, word, text });
  }

  #flush(): void {
    const lines = this.#waiting.sort((a, b) => a.at - b.at);
    this.#waiting = [];
    for (const { at, colour, word, text } of lines) {
      const time = this.#terminal.paint("dim", new Date(at).toISOString().slice(11, 23));
      this.#terminal.line(`${time}  ${this.#terminal.paint(colour, word.padEnd(12))} ${text}`);
    }
  }
}

/** The part of a run's id that tells it from the others. */
function shortId(runId: string): string {
  return runId.slice(runId.lastIndexOf("_") + 1);
}
