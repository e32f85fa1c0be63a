/** What is to become of a reading: examples/iot-alert says so, and the demo checks that it is so. */
export type Expectation = "filtered" | "run" | "alert" | "dead letter";

export interface SentReading {
  /** Sensor and instant: no two readings have the same. */
  readonly key: string;
  readonly body: string;
  /** `oven-3 93.5 °C` */
  readonly text: string;
  readonly expectation: Expectation;
  /** UTC ms with fractions, just before it was sent. */
  readonly sentAt: number;
}

const MACHINES = ["oven", "boiler", "press", "pump"];
const MACHINES_OF_A_KIND = 9;
/** Above the first a run is warranted, above the second an alert. */
const WARM_CELSIUS = 60;
const HOT_CELSIUS = 80;

/** Names a reading or an alert by what both hold. */
export function keyOf({ sensor, at }: { readonly sensor: string; readonly at: string }): string {
  return `${sensor} ${at}`;
}

/** UTC ms with fractions. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Sensors of a plant: half of the readings are cool, some are too hot, and one in fifty is broken. */
export class Plant {
  #lastAt = 0;

  read(): SentReading {
    const sentAt = preciseNow();
    this.#lastAt = Math.max(Math.floor(sentAt), this.#lastAt + 1);
    const at = new Date(this.#lastAt).toISOString();
    const sensor = `${pick(MACHINES)}-${1 + Math.floor(Math.random() * MACHINES_OF_A_KIND)}`;
    const celsius = Math.random() < 0.02 ? "n/a" : randomCelsius();
    const text = typeof celsius === "number" ? `${sensor} ${celsius.toFixed(1)} °C` : `${sensor} "${celsius}"`;
    const body = JSON.stringify({ sensor, celsius, at });
    return { key: keyOf({ sensor, at }), body, text, expectation: expect(celsius), sentAt };
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

function pick<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)]!;
}
