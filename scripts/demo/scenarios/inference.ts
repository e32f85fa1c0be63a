import { randomUUID } from "node:crypto";
import type { AssetEvent } from "../records.ts";
import { type Check, differ, examplePath, type Found, preciseNow, type Scenario, type Sent, tally } from "../scenario.ts";

interface Reply {
  readonly id: string;
  readonly condition?: string;
  readonly probability?: number;
  readonly error?: string;
}

const BAD_SHARE = 0.1;

/** examples/inference: requests for a prediction. One in ten cannot be answered, and is told so. */
export class Inference implements Scenario {
  readonly name = "inference requests";
  readonly dagFile: string;
  readonly dagIds: readonly string[];
  readonly assets: readonly string[];
  readonly source = "inference-requests";
  readonly replies = {
    queue: "inference-replies",
    word: "reply",
    colour: "yellow",
    describe: (body: string): string => {
      const { id, condition, probability, error } = JSON.parse(body) as Reply;
      const name = shortName(id);
      return error === undefined
        ? `${name} is ${condition} (${probability?.toFixed(2)})`
        : `${name} cannot be answered: ${firstLine(error)}`;
    },
  } as const;
  readonly environment = {};
  readonly pauseMs = { min: 1_000, max: 3_000 };
  readonly share = 0.2;
  readonly #sent: (Sent & { readonly isGood: boolean })[] = [];

  constructor(broker: "sqs" | "kafka") {
    this.dagFile = examplePath(`inference/${broker}.ts`);
    this.dagIds = [`inference_${broker}`];
    this.assets = [`${broker}_inference_requests`];
  }

  next(): Sent {
    const id = `bearing-${this.#sent.length + 1}.${randomUUID()}`;
    const isGood = Math.random() >= BAD_SHARE;
    const measurements = { rpm: between(900, 3_000), vibration: between(0.4, 12), kurtosis: between(2, 9), celsius: between(20, 90) };
    const body = JSON.stringify({ id, measurements: isGood ? measurements : { ...measurements, rpm: "fast" } });
    const text = `${shortName(id)}: ${isGood ? `${measurements.rpm} rpm, vibration ${measurements.vibration}` : "rpm 'fast'"}`;
    const sent = { key: id, body, text, isGood, sentAt: preciseNow() };
    this.#sent.push(sent);
    return sent;
  }

  describeEvent({ payload }: AssetEvent): string {
    return shortName((payload as { id: string }).id);
  }

  expectedReplies(): number {
    return this.#sent.length;
  }

  check({ replies }: Found): readonly Check[] {
    const parsed = replies.map((body) => JSON.parse(body) as Reply);
    const counts = tally(parsed.map(({ id }) => id));
    const refused = new Set(parsed.filter(({ error }) => error !== undefined).map(({ id }) => id));
    const wrong = this.#sent.flatMap(({ key, isGood }) => [
      ...differ(key, 1, counts.get(key) ?? 0, "replies"),
      ...differ(key, isGood ? 0 : 1, refused.has(key) ? 1 : 0, "refusals"),
    ]);
    return [{ promise: "every inference request got exactly one reply: a prediction, or what is wrong with it", wrong }];
  }

  figures({ replies }: Found): readonly (readonly [string, number])[] {
    return [
      ["requests", this.#sent.length],
      ["replies", replies.length],
    ];
  }
}

function shortName(id: string): string {
  return id.split(".")[0]!;
}

function firstLine(text: string): string {
  return text.split("\n")[0]!;
}

function between(low: number, high: number): number {
  return Math.round((low + Math.random() * (high - low)) * 100) / 100;
}
