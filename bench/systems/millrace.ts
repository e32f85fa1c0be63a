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

/** How one Millrace differs from another. */
export interface MillraceOptions extends SystemOptions {
  readonly name?: string;
  /** CEL: what its watcher takes; else the DAG's own filter decides, after the event is stored. */
  readonly watcherWhere?: string;
  /** As `--db` has it; else a SQLite file in its folder. */
  readonly database?: string;
  /** A folder for the CPU profiles of the server's threads. */
  readonly profiles?: string | undefined;
}

/** A Millrace that runs, and what only it can tell. */
export interface RunningMillrace extends SystemUnderTest {
  readonly databaseFile: string;
  /** Of its REST API. */
  get<Answer>(path: string): Promise<Answer>;
}

function dagFile({ topic, tasks, watcherWhere }: MillraceOptions, starts: string): string {
  const trigger = `kafkaTrigger({ topics: [${JSON.stringify(topic)}] })`;
  const watcher = watcherWhere === undefined ? trigger : `{ trigger: ${trigger}, where: ${JSON.stringify(watcherWhere)} }`;
  const chain = `
    const two = dag.task("two", { needs: { one } }, ({ one }) => one + 1);
    dag.task("three", { needs: { two } }, ({ two }) => two + 1);`;
  return `
import { defineAsset, defineDag, each } from "@millrace/sdk";
import { kafkaTrigger } from "@millrace/kafka";
import { recordStart } from ${JSON.stringify(RECORDER)};
const readings = defineAsset<"readings", { n: number; t: number; celsius: number }>("readings", { watchers: { kafka: ${watcher} } });
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

export async function startMillrace(options: MillraceOptions): Promise<RunningMillrace> {
  const home = join(options.folder, "home");
  const dags = join(options.folder, "dags");
  const starts = join(options.folder, "millrace-starts.txt");
  mkdirSync(dags, { recursive: true });
  writeFileSync(join(dags, "bench.ts"), dagFile(options, starts));
  const connection = JSON.stringify({ conn_type: "kafka", extra: { "bootstrap.servers": options.kafkaUrl } });
  const profiling = options.profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${options.profiles}`];
  const database = options.database === undefined ? [] : ["--db", options.database];
  const child = spawn(process.execPath, [...profiling, BIN, "standalone", "--dags-folder", dags, "--port", "0", ...database], {
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
  const databaseFile = join(home, "millrace.db");
  const countRuns = async (query: string): Promise<number> =>
    (await get<{ total_entries: number }>(`/dags/bench/dagRuns?${query}&limit=1`)).total_entries;
  return {
    name: options.name ?? "millrace",
    pids: [child.pid!],
    starts,
    databaseFile,
    get,
    databaseBytes: () => readDatabaseBytes(databaseFile),
    // Not by counting those that succeeded: that would walk the history again and again while it is measured.
    settle: (runs) => poll(`${runs} runs to end`, async () => (await countRuns("state=queued&state=running")) === 0),
    stop: async () => {
      const failed = await countRuns("state=failed");
      child.kill("SIGTERM");
      await once(child, "exit");
      if (failed > 0) throw new Error(`expected every run to succeed, got ${failed} that failed`);
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
