import { audit, openDatabase, type Question } from "./audit.ts";
import type { Member } from "./member.ts";
import { SteadyProducer } from "./producer.ts";
import { seededRandom } from "./random.ts";
import { type Scene, setScene } from "./scene.ts";

export interface ChaosOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** Messages a second from each broker. */
  readonly rate: number;
  readonly db: "sqlite" | "postgres";
  readonly print: (line: string) => void;
}

interface Victim {
  readonly name: string;
  /** How often it is picked, beside the others. */
  readonly weight: number;
  kill(): Promise<void>;
  start(): Promise<void> | void;
  /** Left out where it can only be killed. */
  readonly freeze?: (ms: number) => Promise<void>;
}

const BETWEEN_MS = { least: 1_000, most: 8_000 };
const DOWN_MS = { least: 0, most: 5_000 };
/** Not killed, but stopped for a while: longer than the others wait before they take over, or shorter. */
const FREEZE_SHARE = 0.2;
const FROZEN_MS = { least: 2_000, most: 20_000 };
/** After the last kill everything must have come to its end within it. */
const SETTLE_MS = 180_000;

/** True where nothing was lost, doubled or stuck. */
export async function runChaos(options: ChaosOptions): Promise<boolean> {
  const { db, seed, print } = options;
  print(`chaos on ${db}, seed ${seed}: ${options.durationMs / 60_000} min, ${options.rate} messages/s from Kafka and from SQS each`);
  const scene = await setScene(db);
  let isSound = false;
  try {
    for (const member of scene.members) member.start();
    let last = 0;
    const next = (): number => (last += 1);
    const producers = [
      new SteadyProducer({ next, rate: options.rate, send: (values) => scene.kafka.client.produce(scene.topic, values.map(toBody)) }),
      new SteadyProducer({ next, rate: options.rate, send: (values) => scene.sqs.send(scene.queueUrl, values.map(toBody)) }),
    ];
    const kills = await killAtRandom(scene, options);
    await Promise.all(producers.map((producer) => producer.stop()));
    print(`killed: ${[...kills].map(([name, count]) => `${name} ${count}`).join(", ")}`);
    isSound = await settle(scene, producers, print);
  } finally {
    await scene.close(!isSound);
    if (!isSound) print(`everything is kept in ${scene.folder}`);
  }
  return isSound;
}

function toBody(n: number): string {
  return JSON.stringify({ n });
}

function victimsOf({ members, kafka, sqs, postgres }: Scene): readonly Victim[] {
  const processes = members.map((member) => ({ name: member.name, weight: 4, ...doings(member) }));
  const broker = (name: string, service: { kill(): Promise<void>; start(): Promise<void> }): Victim => ({
    name,
    weight: 1,
    kill: () => service.kill(),
    start: () => service.start(),
  });
  return [...processes, broker("kafka", kafka), broker("sqs", sqs), ...(postgres === null ? [] : [broker("postgres", postgres)])];
}

function doings(member: Member): Pick<Victim, "kill" | "start" | "freeze"> {
  return { kill: () => member.kill(), start: () => member.start(), freeze: (ms) => member.freeze(ms) };
}

async function killAtRandom(scene: Scene, { durationMs, seed, print }: ChaosOptions): Promise<ReadonlyMap<string, number>> {
  const random = seededRandom(seed);
  const between = ({ least, most }: { least: number; most: number }): number => least + random() * (most - least);
  const lots = victimsOf(scene).flatMap((victim) => Array.from({ length: victim.weight }, () => victim));
  const kills = new Map<string, number>();
  const end = performance.now() + durationMs;
  const ending = new Set<Promise<void>>();
  const down = new Set<Victim>();
  while (performance.now() < end) {
    await pause(between(BETWEEN_MS));
    const victim = lots[Math.floor(random() * lots.length)]!;
    const downMs = between(DOWN_MS);
    const isFrozen = victim.freeze !== undefined && random() < FREEZE_SHARE;
    const frozenMs = between(FROZEN_MS);
    // Some are down together; one that is down already stays as it is.
    if (down.has(victim)) continue;
    down.add(victim);
    const name = isFrozen ? `${victim.name} (frozen)` : victim.name;
    kills.set(name, (kills.get(name) ?? 0) + 1);
    const killing = (async () => {
      if (isFrozen) await victim.freeze?.(frozenMs);
      else {
        await victim.kill();
        await pause(downMs);
        await victim.start();
      }
      down.delete(victim);
    })().catch((error: unknown) => print(`${victim.name}: ${(error as Error).message}`));
    ending.add(killing);
  }
  await Promise.all(ending);
  return kills;
}

async function settle(scene: Scene, producers: readonly SteadyProducer[], print: (line: string) => void): Promise<boolean> {
  const database = openDatabase(scene);
  const sets = producers.map(({ acknowledged, uncertain }) => ({ acknowledged, uncertain }));
  const replies = async (): Promise<readonly number[]> => {
    const records = await scene.kafka.client.read(scene.repliesTopic);
    return records.map(({ value }) => (JSON.parse(value!.toString()) as { n: number }).n);
  };
  const records = async (): Promise<number> => (await scene.kafka.client.read(scene.topic)).length;
  try {
    const until = performance.now() + SETTLE_MS;
    let questions = await audit(database, sets, scene.triesFile, replies, records);
    while (!isSound(questions) && performance.now() < until) {
      await pause(2_000);
      questions = await audit(database, sets, scene.triesFile, replies, records);
    }
    for (const { question, answer, isSound: isFine } of questions) print(`${isFine ? " ok " : "FAIL"}  ${question}: ${answer}`);
    const restarted = scene.members.filter(({ restarts }) => restarts > 0);
    if (restarted.length > 0) print(`ended by themselves: ${restarted.map(({ name, restarts }) => `${name} ${restarts}`).join(", ")}`);
    return isSound(questions);
  } finally {
    await database.close();
  }
}

function isSound(questions: readonly Question[]): boolean {
  return questions.every((question) => question.isSound);
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
