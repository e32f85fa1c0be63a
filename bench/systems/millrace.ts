import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { poll } from "./poll.ts";
import type { System, SystemOptions, SystemUnderTest } from "./system.ts";

const BIN = fileURLToPath(new URL("../../packages/orchestrator/bin/millrace.js", import.meta.url));
const RECORDER = fileURLToPath(new URL("../recorder.ts", import.meta.url));
const PASSWORD = "bench";

function dagFile({ topic, tasks }: SystemOptions, starts: string): string {
  const chain = `
    const two = dag.task("two", { needs: { one } }, ({ one }) => one + 1);
    dag.task("three", { needs: { two } }, ({ two }) => two + 1);`;
  return `
import { defineAsset, defineDag, each } from "@millrace/sdk";
import { kafkaTrigger } from "@millrace/kafka";
import { recordStart } from ${JSON.stringify(RECORDER)};
const readings = defineAsset<"readings", { n: number; t: number; celsius: number }>("readings", {
  watchers: { kafka: kafkaTrigger({ topics: [${JSON.stringify(topic)}] }) },
});
export default defineDag("bench", { schedule: each(readings, { where: "payload.celsius > 80" }) }, (dag) => {
  const one = dag.task("one", ({ event }) => {
    recordStart(${JSON.stringify(starts)}, event.payload.n, event.payload.t);
    return 1;
  });${tasks === 3 ? chain : ""}
});
`;
}

/** `millrace standalone` as a user starts it: SQLite, conditions, logs, heartbeats and the API on. */
export const millrace: System = {
  name: "millrace",
  whyNot: () => null,
  start: startMillrace,
  warmUp: 2_000,
  maxRate: Number.POSITIVE_INFINITY,
  maxBurst: Number.POSITIVE_INFINITY,
};

async function startMillrace(options: SystemOptions): Promise<SystemUnderTest> {
  const home = join(options.folder, "home");
  const dags = join(options.folder, "dags");
  const starts = join(options.folder, "millrace-starts.txt");
  mkdirSync(dags, { recursive: true });
  writeFileSync(join(dags, "bench.ts"), dagFile(options, starts));
  const connection = JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": options.kafkaUrl } });
  const child = spawn(process.execPath, [BIN, "standalone", "--dags-folder", dags, "--port", "0"], {
    env: {
      ...process.env,
      MILLRACE_HOME: home,
      MILLRACE_ADMIN_PASSWORD: PASSWORD,
      MILLRACE_CONN_KAFKA_DEFAULT: connection,
      MILLRACE_LOG_LEVEL: "warn",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const address = await readAddress(child.stdout);
  const token = await logIn(address);
  const get = async <Answer>(path: string): Promise<Answer> => {
    const response = await fetch(`${address}/api/v2${path}`, { headers: { authorization: `Bearer ${token}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  };
  await poll("the watcher to stream", async () =>
    (await get<{ watchers: { health: { state: string } }[] }>("/watchers")).watchers.every(({ health }) => health.state === "streaming"),
  );
  return {
    name: "millrace",
    pids: [child.pid!],
    starts,
    databaseBytes: () => readDatabaseBytes(join(home, "millrace.db")),
    settle: (runs) =>
      poll(
        `${runs} runs to succeed`,
        async () => (await get<{ total_entries: number }>("/dags/bench/dagRuns?state=success&limit=1")).total_entries === runs,
      ),
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function readAddress(stdout: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stdout) {
    text += String(chunk);
    const address = /http:\/\/[\d.]+:\d+/.exec(text)?.[0];
    if (address !== undefined) return address;
  }
  throw new Error(`millrace ended without an address: ${text}`);
}

async function logIn(address: string): Promise<string> {
  const body = JSON.stringify({ username: "admin", password: PASSWORD });
  const response = await fetch(`${address}/auth/token`, { method: "POST", headers: { "content-type": "application/json" }, body });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** All pages, whether they lie in the file or still in the write-ahead log. */
function readDatabaseBytes(file: string): number {
  const db = new Database(file, { readonly: true });
  try {
    return (db.pragma("page_count", { simple: true }) as number) * (db.pragma("page_size", { simple: true }) as number);
  } finally {
    db.close();
  }
}
