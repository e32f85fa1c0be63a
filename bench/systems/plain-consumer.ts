import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { System, SystemOptions, SystemUnderTest } from "./system.ts";

/** The floor: a consumer that calls the function for each record and stores nothing. */
export const plainConsumer: System = {
  name: "plain",
  whyNot: () => null,
  start: startPlainConsumer,
  warmUp: 2_000,
  maxRate: Number.POSITIVE_INFINITY,
  maxBurst: Number.POSITIVE_INFINITY,
};

async function startPlainConsumer(options: SystemOptions): Promise<SystemUnderTest> {
  const starts = join(options.folder, "plain-starts.txt");
  const child = fork(fileURLToPath(new URL("./plain-consumer-child.ts", import.meta.url)), [options.kafkaUrl, options.topic, starts]);
  await once(child, "message");
  return {
    name: "plain",
    pids: [child.pid!],
    starts,
    databaseBytes: () => 0,
    settle: async () => undefined,
    stop: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}
