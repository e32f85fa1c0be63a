// `npm run chaos -- --minutes 20 --seed 7 --db postgres`: real brokers under steady load, everything killed at random, then counted.
import { parseArgs } from "node:util";
import { runChaos } from "./run-chaos.ts";

const HELP = `Usage: npm run chaos -- [--minutes N] [--seed S] [--db sqlite|postgres] [--rate N]

Kafka and SQS bring messages at a steady rate while processes, brokers and the database are killed (kill -9) at random
and started again. Afterwards everything is counted, from the brokers' side and from the tasks' side. Exits 1 where
anything was lost, doubled, stuck, or had two outcomes.

  --minutes N   how long it kills (default 2)
  --seed S      of the random numbers: the same seed kills in the same order (default 1)
  --db D        sqlite (default): one standalone server; postgres: two schedulers, two triggerers, an api-server, a worker
  --rate N      messages a second from each broker (default 100)

Examples:
  npm run chaos -- --minutes 20 --seed 7 --db postgres
  npm run chaos -- --minutes 1 --db sqlite --rate 300`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
    db: { type: "string", default: "sqlite" },
    rate: { type: "string", default: "100" },
    help: { type: "boolean", short: "h", default: false },
  },
});

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  console.error(`--${name}: expected a number above 0, got '${text}'`);
  return process.exit(2);
}

if (values.help) console.log(HELP);
else if (values.db !== "sqlite" && values.db !== "postgres") {
  console.error(`--db: expected sqlite or postgres, got '${values.db}'`);
  process.exitCode = 2;
} else {
  const [minutes, seed, rate] = [numberOf("minutes", values.minutes), numberOf("seed", values.seed), numberOf("rate", values.rate)];
  const isSound = await runChaos({ durationMs: minutes * 60_000, seed, rate, db: values.db, print: (line) => console.log(line) });
  process.exitCode = isSound ? 0 : 1;
}
