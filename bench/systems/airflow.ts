import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findFreePorts, skipWithout, startPostgres } from "@millrace/test-services";
import { preciseNow } from "../load.ts";
import { installOnce } from "./install-cache.ts";
import { poll } from "./poll.ts";
import type { System, SystemOptions, SystemUnderTest } from "./system.ts";

const VERSION = "3.3.2";
/** The constraints that Airflow publishes lie outside PyPI; these went together. */
const PACKAGES = [
  `apache-airflow==${VERSION}`,
  "apache-airflow-providers-apache-kafka==2.1.0",
  "apache-airflow-providers-common-messaging==2.1.2",
  "apache-airflow-providers-postgres==7.1.1",
  "psycopg2-binary==2.9.13",
  "asyncpg==0.32.0",
  "pydantic==2.14.3",
  "fastapi==0.136.3",
  "sqlalchemy==2.1.9",
];
const PARTS = ["api-server", "dag-processor", "scheduler", "triggerer"];
const PYTHONS = ["python3.13", "python3.12", "python3.11", "python3.10", "python3"];

/**
 * Airflow 3 as its documentation has it for event-driven scheduling: an asset with a Kafka watcher, PostgreSQL (whose fsync is off, to its
 * favour), LocalExecutor. Its Kafka trigger ends with each message and is started again about two seconds later: above one message in two
 * seconds its latency is a backlog's, so it is asked for less, and bursts come as runs by REST.
 */
export const airflow: System = {
  name: "airflow",
  whyNot: () => skipWithout("postgres") || (findPython() === null ? "Airflow needs Python 3.10 to 3.13 with venv" : null),
  start: startAirflow,
  warmUp: 2,
  maxRate: 0.25,
  maxBurst: 200,
};

function findPython(): string | null {
  const check = "import sys, venv, ensurepip; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else 1)";
  return PYTHONS.find((python) => spawnSync(python, ["-c", check]).status === 0) ?? null;
}

/** The interpreter of a virtual environment; its commands are run as modules, since their own first lines name another folder. */
function install(): string {
  const folder = installOnce(`airflow-${VERSION}`, "331 MB", (folder) => {
    execFileSync(findPython()!, ["-m", "venv", folder], { stdio: "inherit" });
    const pip = (...args: string[]): void =>
      void execFileSync(join(folder, "bin", "python"), ["-m", "pip", "install", "-q", ...args], { stdio: "inherit" });
    pip("-U", "pip");
    pip(...PACKAGES);
  });
  return join(folder, "bin", "python");
}

function dagFile({ topic, tasks }: SystemOptions, starts: string): string {
  const chain = `
    @task
    def more(value):
        return value + 1

    more.override(task_id="three")(more.override(task_id="two")(first))`;
  return `
import json
import time

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task


def accept(message):
    reading = json.loads(message.value())
    return reading if reading["celsius"] > 80 else None


trigger = MessageQueueTrigger(
    scheme="kafka", topics=[${JSON.stringify(topic)}], apply_function="bench_dag.accept", poll_timeout=0.1, poll_interval=0
)
readings = Asset("readings", watchers=[AssetWatcher(name="kafka", trigger=trigger)])


@dag(dag_id="bench", schedule=[readings], catchup=False, max_active_runs=1000, max_active_tasks=1000)
def bench():
    @task
    def one(triggering_asset_events=None, dag_run=None):
        now = time.time() * 1000
        readings = [event.extra["payload"] for events in triggering_asset_events.values() for event in events]
        with open(${JSON.stringify(starts)}, "a") as file:
            for reading in readings or [dag_run.conf]:
                file.write(f"{reading['n']} {reading['t']} {now}\\n")
        return 1

    first = one()${tasks === 3 ? chain : ""}


bench()
`;
}

/** Its loops wait as little as they can, and a file is not parsed again while the benchmark runs. */
function settings(o: SystemOptions, postgresPort: number, port: number): Record<string, string> {
  const home = join(o.folder, "airflow");
  const database = `postgresql+psycopg2://postgres@127.0.0.1:${postgresPort}/postgres`;
  const config: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    core: {
      dags_folder: join(home, "dags"),
      executor: "LocalExecutor",
      execution_api_server_url: `http://127.0.0.1:${port}/execution/`,
      load_examples: "False",
      max_active_runs_per_dag: "1000",
      max_active_tasks_per_dag: "1000",
      parallelism: "8",
      dags_are_paused_at_creation: "False",
      simple_auth_manager_all_admins: "True",
    },
    database: { sql_alchemy_conn: database },
    api: { host: "127.0.0.1", port: String(port), base_url: `http://127.0.0.1:${port}`, workers: "1" },
    api_auth: { jwt_secret: "bench-bench-bench-bench-bench-bench-bench-bench-bench-bench-bench-bench" },
    dag_processor: { min_file_process_interval: "3600", refresh_interval: "3600", parsing_processes: "1" },
    scheduler: {
      scheduler_idle_sleep_time: "0",
      max_tis_per_query: "0",
      max_dagruns_to_create_per_loop: "200",
      max_dagruns_per_loop_to_schedule: "200",
    },
    triggerer: { job_heartbeat_sec: "1" },
    logging: { logging_level: "WARNING" },
  };
  const entries = Object.entries(config).flatMap(([section, keys]) =>
    Object.entries(keys).map(([key, value]) => [`AIRFLOW__${section}__${key}`.toUpperCase(), value] as const),
  );
  const extra = {
    "bootstrap.servers": o.kafkaUrl,
    "group.id": `bench-${o.topic}`,
    "auto.offset.reset": "earliest",
    "enable.auto.commit": false,
  };
  return {
    ...Object.fromEntries(entries),
    AIRFLOW_HOME: home,
    AIRFLOW_CONN_KAFKA_DEFAULT: JSON.stringify({ conn_type: "kafka", extra }),
    PYTHONPATH: join(home, "dags"),
  };
}

async function startAirflow(options: SystemOptions): Promise<SystemUnderTest> {
  const python = install();
  const postgres = await startPostgres();
  const home = join(options.folder, "airflow");
  const starts = join(options.folder, "airflow-starts.txt");
  mkdirSync(join(home, "dags"), { recursive: true });
  writeFileSync(join(home, "dags", "bench_dag.py"), dagFile(options, starts));
  const [port] = await findFreePorts(1);
  const env = { ...process.env, ...settings(options, postgres.port, port!) };
  execFileSync(python, ["-m", "airflow", "db", "migrate"], { env, cwd: home, stdio: ["ignore", "ignore", "ignore"] });
  const children: ChildProcess[] = PARTS.map((part) => {
    const output = openSync(join(home, `${part}.log`), "a");
    // In a group of its own, so that what it forks ends with it; and ended by the system where the bench is killed.
    const command = ["--pdeathsig", "KILL", python, "-m", "airflow", part];
    const child = spawn("setpriv", command, { env, cwd: home, stdio: ["ignore", output, output], detached: true });
    closeSync(output);
    return child;
  });
  const api = new AirflowApi(`http://127.0.0.1:${port}`);
  await poll("Airflow's parts to be healthy, and its DAG", () => {
    const ended = children.find(({ exitCode }) => exitCode !== null);
    if (ended !== undefined) throw new Error(`airflow ${PARTS[children.indexOf(ended)]} ended: see ${home}`);
    return api.isReady();
  });
  return {
    name: "airflow",
    pids: children.map(({ pid }) => pid!),
    starts,
    databaseBytes: () => 0,
    settle: () => poll("Airflow to have no unfinished run", async () => (await api.countUnfinished()) === 0, 600_000),
    burst: (count) => api.createRuns(count),
    stop: async () => {
      for (const child of children.toReversed()) await end(child);
      await postgres.stop();
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  process.kill(-child.pid!, "SIGKILL");
  await exit;
}

class AirflowApi {
  readonly #url: string;
  #token: string | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  async isReady(): Promise<boolean> {
    try {
      const health = (await (await fetch(`${this.#url}/api/v2/monitor/health`)).json()) as Record<string, { status: string | null }>;
      if (!["scheduler", "triggerer", "dag_processor"].every((part) => health[part]?.status === "healthy")) return false;
      return (await this.#get<{ is_paused: boolean }>("/dags/bench")).is_paused === false;
    } catch {
      return false;
    }
  }

  async countUnfinished(): Promise<number> {
    return (await this.#get<{ total_entries: number }>("/dags/bench/dagRuns?state=queued&state=running&limit=1")).total_entries;
  }

  /** Eight requests at a time. */
  async createRuns(count: number): Promise<void> {
    let next = 0;
    const create = async (): Promise<void> => {
      while (next < count) await this.#send("/dags/bench/dagRuns", { logical_date: null, conf: { n: next++, t: preciseNow() } });
    };
    await Promise.all(Array.from({ length: 8 }, create));
  }

  async #get<Answer>(path: string): Promise<Answer> {
    return this.#send(path, null);
  }

  async #send<Answer>(path: string, body: object | null): Promise<Answer> {
    this.#token ??= ((await (await fetch(`${this.#url}/auth/token`)).json()) as { access_token: string }).access_token;
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const options = body === null ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}/api/v2${path}`, options);
    if (!response.ok) throw new Error(`airflow: ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }
}
