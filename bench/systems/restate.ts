import { type ChildProcess, execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, existsSync, globSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findFreePorts } from "@millrace/test-services";
import { installOnce } from "./install-cache.ts";
import { poll } from "./poll.ts";
import type { System, SystemOptions, SystemUnderTest } from "./system.ts";

const VERSION = "1.7.12";
const SDK_VERSION = "1.17.2";
const CHILD = fileURLToPath(new URL("./restate-child.ts", import.meta.url));

/** Restate as its documentation has it: its own Kafka ingress, one durable step per task, fsync on. */
export const restate: System = {
  name: "restate",
  whyNot: () =>
    process.platform === "win32" || !["x64", "arm64"].includes(process.arch) ? "there is no restate-server for this platform" : null,
  start: startRestate,
  warmUp: 2_000,
  maxRate: 1_000,
  maxBurst: 5_000,
};

function install(): string {
  return installOnce(`restate-${VERSION}`, "224 MB", (folder) => {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const packages = [`@restatedev/restate-server@${VERSION}`, `@restatedev/restate-sdk@${SDK_VERSION}`];
    execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], { cwd: folder, stdio: "inherit" });
  });
}

interface Ports {
  readonly ingress: number;
  readonly admin: number;
  readonly node: number;
  readonly service: number;
}

/**
 * What was fastest on two cores: few invocations at a time, few partitions, the log of a single node. `rocksdb-disable-wal-fsync`
 * stays false, its default: what was acknowledged is on disk.
 */
function config(kafkaUrl: string, folder: string, { ingress, admin, node }: Ports): string {
  return `
node-name = "bench"
base-dir = ${JSON.stringify(folder)}
bind-address = "127.0.0.1:${node}"
advertised-address = "http://127.0.0.1:${node}"
listen-mode = "tcp"
log-filter = "error"
disable-telemetry = true
default-num-partitions = 4
rocksdb-total-memory-size = "1.0 GiB"
[bifrost]
default-provider = "local"
[worker.invoker]
concurrent-invocations-limit = 8
[admin]
bind-address = "127.0.0.1:${admin}"
[ingress]
bind-address = "127.0.0.1:${ingress}"
[[ingress.kafka-clusters]]
name = "bench"
brokers = ["PLAINTEXT://${kafkaUrl}"]
`;
}

async function startRestate(options: SystemOptions): Promise<SystemUnderTest> {
  const installed = install();
  const [ingress, admin, node, service] = (await findFreePorts(4)) as [number, number, number, number];
  const folder = join(options.folder, "restate");
  const starts = join(options.folder, "restate-starts.txt");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "restate.toml"), config(options.kafkaUrl, folder, { ingress, admin, node, service }));
  const server = startServer(installed, folder);
  const sdk = pathToFileURL(join(installed, "node_modules/@restatedev/restate-sdk/dist/index.js")).href;
  const child = fork(CHILD, [sdk, String(service), starts, String(options.tasks)], {
    env: { ...process.env, NODE_ENV: "production", RESTATE_LOGGING: "ERROR" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  const api = new RestateAdmin(`http://127.0.0.1:${admin}`);
  await poll("restate-server to answer", () => api.isReady());
  await api.post("/deployments", { uri: `http://127.0.0.1:${service}` });
  await api.post("/subscriptions", {
    source: `kafka://bench/${options.topic}`,
    sink: "service://bench/evaluate",
    options: { "auto.offset.reset": "earliest" },
  });
  return {
    name: "restate",
    pids: [server.pid!, child.pid!],
    starts,
    databaseBytes: () => sizeOf(folder),
    settle: (runs) => poll(`restate to complete ${runs} invocations`, async () => (await api.countCompleted()) === runs),
    stop: async () => {
      for (const process of [child, server]) await end(process);
    },
  };
}

function startServer(installed: string, folder: string): ChildProcess {
  const [binary] = globSync(join(installed, "node_modules/@restatedev/restate-server-*/bin/restate-server"));
  if (binary === undefined) throw new Error(`expected npm to install a restate-server for ${process.platform}-${process.arch}, got none`);
  chmodSync(binary, 0o755);
  const output = openSync(join(folder, "output.log"), "a");
  const server = spawn(binary, ["--config-file", join(folder, "restate.toml"), "--no-logo"], {
    cwd: folder,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  return server;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

class RestateAdmin {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async isReady(): Promise<boolean> {
    return fetch(`${this.#url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Asked again while the server starts. @throws {Error} with the answer where it never agrees */
  async post(path: string, body: object): Promise<unknown> {
    let answer = "";
    await poll(`restate to take ${path}`, async () => {
      const headers = { "content-type": "application/json", accept: "application/json" };
      const response = await fetch(this.#url + path, { method: "POST", headers, body: JSON.stringify(body) });
      answer = await response.text();
      if (response.status < 500 && !response.ok) throw new Error(`restate: ${path}: ${response.status} ${answer}`);
      return response.ok;
    });
    return JSON.parse(answer);
  }

  async countCompleted(): Promise<number> {
    const { rows } = (await this.post("/query", {
      query: "SELECT count(*) AS count FROM sys_invocation_status WHERE status = 'completed'",
    })) as { rows: readonly { count: number }[] };
    return rows[0]?.count ?? 0;
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => existsSync(file))
    .reduce((sum, file) => sum + statSync(file).size, 0);
}
