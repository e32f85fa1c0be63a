import { Producer } from "@platformatic/kafka";

/** ms since the epoch with fractions; one clock for every process of this machine. */
export function preciseNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Sends records `{ n, t, celsius }`, t being the instant just before the send. What a filter looks for is `celsius > 80`. */
export class Load {
  readonly #producer: Producer;
  readonly #topic: string;
  readonly #celsius: (n: number) => number;

  constructor(url: string, topic: string, celsius: (n: number) => number = () => 81.5) {
    this.#celsius = celsius;
    this.#producer = new Producer({ clientId: "bench", bootstrapBrokers: [url], idempotent: true, retries: 3 });
    this.#topic = topic;
  }

  async burst(count: number): Promise<void> {
    const size = 500;
    for (let start = 0; start < count; start += size) await this.#send(start, Math.min(size, count - start));
  }

  /** At a steady rate, each send as soon as it is due. */
  async steady(perSecond: number, seconds: number): Promise<number> {
    const total = perSecond * seconds;
    const start = performance.now();
    const sends: Promise<void>[] = [];
    let sent = 0;
    while (sent < total) {
      const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond) + 1);
      if (due > sent) {
        sends.push(this.#send(sent, due - sent));
        sent = due;
      }
      const nextAt = start + (sent / perSecond) * 1000;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, nextAt - performance.now())));
    }
    await Promise.all(sends);
    return total;
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  async #send(first: number, count: number): Promise<void> {
    const t = preciseNow();
    const messages = Array.from({ length: count }, (_, index) => {
      const n = first + index;
      const value = JSON.stringify({ n, t, sensor: `sensor-${n % 100}`, celsius: this.#celsius(n), unit: "C" });
      return { topic: this.#topic, key: Buffer.from(String(n % 100)), value: Buffer.from(value) };
    });
    await this.#producer.send({ acks: -1, messages });
  }
}
