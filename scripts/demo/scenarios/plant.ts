import type { AssetEvent } from "../records.ts";
import { type Check, differ, examplePath, type Found, pick, preciseNow, type Scenario, type Sent, tally } from "../scenario.ts";

/** What is to become of a reading: examples/iot-alert says so, and the demo checks that it is so. */
type Expectation = "filtered" | "run" | "alert" | "dead letter";

interface SentReading extends Sent {
  readonly expectation: Expectation;
}

interface Reading {
  readonly sensor: string;
  readonly celsius: number;
  readonly at: string;
}

const MACHINES = ["oven", "boiler", "press", "pump"];
const MACHINES_OF_A_KIND = 9;
/** Above the first a run is warranted, above the second an alert. */
const WARM_CELSIUS = 60;
const HOT_CELSIUS = 80;
const BROKEN_SHARE = 0.02;

/** examples/iot-alert: sensors of a plant. Half of the readings are cool, some are too hot, and one in fifty is broken. */
export class Plant implements Scenario {
  readonly name = "sensor readings";
  readonly dagFile: string;
  readonly dagIds: readonly string[];
  readonly assets: readonly string[];
  readonly source = "iot-readings";
  readonly replies = {
    queue: "iot-alerts",
    word: "alert",
    colour: "yellow",
    describe: (body: string): string => {
      const { sensor, risk } = JSON.parse(body) as { sensor: string; risk: number };
      return `${sensor} has a risk of ${risk.toFixed(2)}`;
    },
  } as const;
  readonly environment = {};
  readonly pauseMs = { min: 200, max: 1_500 };
  readonly share = 1;
  readonly #sent: SentReading[] = [];
  #lastAt = 0;

  constructor(broker: "sqs" | "kafka") {
    this.dagFile = examplePath(`iot-alert/${broker}.ts`);
    this.dagIds = [`iot_alert_${broker}`];
    this.assets = [`${broker}_readings`];
  }

  get sent(): readonly Sent[] {
    return this.#sent;
  }

  next(): Sent {
    const sentAt = preciseNow();
    this.#lastAt = Math.max(Math.floor(sentAt), this.#lastAt + 1);
    const at = new Date(this.#lastAt).toISOString();
    const sensor = `${pick(MACHINES)}-${1 + Math.floor(Math.random() * MACHINES_OF_A_KIND)}`;
    const celsius = Math.random() < BROKEN_SHARE ? "n/a" : randomCelsius();
    const text = typeof celsius === "number" ? `${sensor} ${celsius.toFixed(1)} °C` : `${sensor} "${celsius}"`;
    const sent = { key: keyOf({ sensor, at }), body: JSON.stringify({ sensor, celsius, at }), text, expectation: expect(celsius), sentAt };
    this.#sent.push(sent);
    return sent;
  }

  describeEvent({ payload }: AssetEvent): string {
    const { sensor, celsius } = payload as Reading;
    return `${sensor} ${celsius.toFixed(1)} °C`;
  }

  expectedReplies(): number {
    return this.#sent.filter(({ expectation }) => expectation === "alert").length;
  }

  /** Messages of others, on a broker that is shared, are left aside. */
  check({ events, deadLetters, runs, replies }: Found): readonly Check[] {
    const eventKeys = tally(events.map(keyOfEvent));
    const letterKeys = tally(deadLetters.map(({ value }) => keyOfBody(value)));
    const alertKeys = tally(replies.map(keyOfBody));
    const runsOf = new Map(events.map((event) => [keyOfEvent(event), event.created_dagruns.length]));
    const expected = (wanted: readonly Expectation[], found: ReadonlyMap<string, number>, what: string): string[] =>
      this.#sent.flatMap(({ key, expectation }) => differ(key, wanted.includes(expectation) ? 1 : 0, found.get(key) ?? 0, what));
    return [
      { promise: "every reading became exactly one asset event", wrong: expected(["filtered", "run", "alert"], eventKeys, "asset events") },
      { promise: "every broken message became exactly one dead letter", wrong: expected(["dead letter"], letterKeys, "dead letters") },
      {
        promise: "every warm reading started exactly one run, every other was filtered",
        wrong: expected(["run", "alert"], runsOf, "runs"),
      },
      {
        promise: "every run ended in success",
        wrong: runs.flatMap(({ dag_run_id: id, state, error }) => (state === "success" ? [] : [`run ${id}: ${state} ${error ?? ""}`])),
      },
      { promise: "every warranted alert came out exactly once, and no other", wrong: expected(["alert"], alertKeys, "alerts") },
    ];
  }

  figures({ events, runs, replies, deadLetters }: Found): readonly (readonly [string, number])[] {
    return [
      ["messages", this.#sent.length],
      ["asset events", events.length],
      ["filtered", events.filter(({ created_dagruns: made }) => made.length === 0).length],
      ["runs", runs.length],
      ["alerts", replies.length],
      ["dead letters", deadLetters.length],
    ];
  }
}

/** Names a reading or an alert by what both hold. */
function keyOf({ sensor, at }: { readonly sensor: string; readonly at: string }): string {
  return `${sensor} ${at}`;
}

export function keyOfEvent({ payload }: AssetEvent): string {
  return keyOf(payload as Reading);
}

/** Empty for what is no reading or alert. */
function keyOfBody(body: string | null): string {
  try {
    return keyOf(JSON.parse(body ?? "") as Reading);
  } catch {
    return "";
  }
}

function expect(celsius: number | string): Expectation {
  if (typeof celsius === "string") return "dead letter";
  if (celsius > HOT_CELSIUS) return "alert";
  return celsius > WARM_CELSIUS ? "run" : "filtered";
}

function randomCelsius(): number {
  const isCool = Math.random() < 0.5;
  const celsius = isCool ? 20 + Math.random() * 40 : 60 + Math.random() * 40;
  return Math.round(celsius * 10) / 10;
}
