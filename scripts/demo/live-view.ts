import type { Colour, Terminal } from "./terminal.ts";
import { type AssetEvent, type DagRun, type DeadLetter, failureOf, listDecisions } from "./records.ts";
import { preciseNow, type Scenario, type Sent } from "./scenario.ts";
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
  readonly #scenarios: readonly Scenario[];
  readonly #terminal: Terminal;
  readonly #shown = new Set<string>();
  readonly #counts = { messages: 0, runs: 0, replies: 0 };
  #waiting: Line[] = [];

  constructor(server: MillraceServer, scenarios: readonly Scenario[], terminal: Terminal) {
    this.#server = server;
    this.#scenarios = scenarios;
    this.#terminal = terminal;
  }

  addMessage({ text, sentAt }: Sent): void {
    this.#counts.messages += 1;
    this.#add(sentAt, "blue", "message", text);
  }

  addReply({ replies }: Scenario, body: string): void {
    if (replies === null) return;
    this.#counts.replies += 1;
    this.#add(preciseNow(), replies.colour, replies.word, replies.describe(body));
  }

  /** Reads what is new over REST, and shows it. */
  async refresh(): Promise<void> {
    const list = <Row>(path: string, field: string): Promise<readonly Row[]> =>
      this.#server.get<Record<string, readonly Row[]>>(`${path}?order_by=-id&limit=${LATEST}`).then((page) => page[field]!);
    const [events, runs, letters] = await Promise.all([
      list<AssetEvent>("/assets/events", "asset_events"),
      list<DagRun>("/dags/~/dagRuns", "dag_runs"),
      list<DeadLetter>("/deadLetters", "dead_letters"),
    ]);
    for (const event of events) if (this.#isNew(`event ${event.id}`)) await this.#addEvent(event);
    for (const run of runs) await this.#addRun(run);
    for (const { id, timestamp, reason } of letters)
      if (this.#isNew(`dead letter ${id}`)) this.#add(Date.parse(timestamp), "red", "dead letter", reason);
    this.#flush();
  }

  totals(): string {
    const { messages, runs, replies } = this.#counts;
    return `${messages} messages sent, ${runs} runs ended, ${replies} alerts and replies received`;
  }

  async #addEvent(event: AssetEvent): Promise<void> {
    const scenario = this.#scenarios.find(({ assets }) => assets.includes(event.name));
    if (scenario === undefined) return;
    const [run] = event.created_dagruns;
    const text = scenario.describeEvent(event);
    const at = Date.parse(event.timestamp);
    if (run !== undefined) return this.#add(at, "cyan", "event", `${text} starts run ${shortId(run.run_id)}`);
    const [decision] = await listDecisions(this.#server, event.id);
    this.#add(at, "dim", decision?.decision ?? "event", `${text}: ${decision?.reason ?? "no DAG waits for it"}`);
  }

  async #addRun(run: DagRun): Promise<void> {
    const { dag_id: dag, dag_run_id: id, state, start_date: start, end_date: end } = run;
    const name = `${shortId(id)} of ${dag}`;
    if (start !== null && this.#isNew(`start ${id}`)) this.#add(Date.parse(start), "green", "run", `${name} starts`);
    if (end === null || !this.#isNew(`end ${id}`)) return;
    this.#counts.runs += 1;
    const took = start === null ? "" : ` after ${Date.parse(end) - Date.parse(start)} ms`;
    const error = state === "failed" ? `: ${await failureOf(this.#server, run)}` : "";
    this.#add(Date.parse(end), state === "success" ? "green" : "red", "run", `${name} ends in ${state}${took}${error}`);
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
