import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import type { WatcherRead } from "../../domain/watcher-reads.ts";
import { formatCount } from "../output/format-value.ts";
import { formatFields } from "../output/print.ts";
import type { WorkerPort } from "./read-worker-port.ts";
import type { Server } from "./start-server.ts";

const MAX_WATCHERS = 10;

/** What a person wants to know of a server that has just started, and what to type next. */
export async function describeStart({ address, roles, engine, reads, workerPort }: Server, { home, dagsFolders }: Config): Promise<string> {
  const { files, errors } = engine.lastPass;
  const { size } = engine.definitions.current.dags;
  const dags = engine.isLoader ? `${size} from ${formatCount(files.length, "file")}` : `${size}, loaded by another process`;
  const failures = errors.length === 0 ? "" : `, ${formatCount(errors.length, "import error")}: \`millrace dags errors\` shows what to do`;
  const watchers = (await reads.watchers.list()).filter(({ isStale }) => !isStale);
  // Commands look for the server in the default home.
  const prefix = home === resolve(".millrace") ? "" : `MILLRACE_HOME=${home} `;
  return formatFields([
    ["Millrace runs at", address ?? `no address of its own: it is the ${roles.join(" and ")}`],
    ["Files", home],
    ["DAGs", dags + failures],
    ...describeWatchers(watchers, engine),
    ...describeWorkerPort(engine, workerPort),
    ...(engine.isLoader && files.length + errors.length === 0
      ? [["Next", `write a DAG file into ${dagsFolders.join(" or ")}`] as const]
      : address === null
        ? []
        : [["Next", `${prefix}npx millrace dags list`] as const]),
  ]);
}

function describeWorkerPort({ scheduler }: Server["engine"], port: WorkerPort | null): readonly (readonly [string, string])[] {
  if (port === null) return [];
  const { workerAddress } = scheduler.executor;
  return [["Workers", `connect to ${workerAddress}${port.tls === null ? "" : " with TLS"}; their token: ${port.tokenPlace}`]];
}

function describeWatchers(watchers: readonly WatcherRead[], engine: Server["engine"]): readonly (readonly [string, string])[] {
  const health = new Map(engine.triggerer.health().map((trigger) => [trigger.triggerId, trigger]));
  const lines = watchers.slice(0, MAX_WATCHERS).map(({ asset, name, kind, connection, triggerId }) => {
    const { state = "not open", lastError = null } = health.get(triggerId) ?? {};
    // A trigger of one's own has no connection.
    const trigger = connection === "" ? kind : `${kind}, ${connection}`;
    return ["Watcher", `${asset}.${name} (${trigger}): ${state}${lastError === null ? "" : `, ${lastError}`}`] as const;
  });
  const more = watchers.length - lines.length;
  return more === 0 ? lines : [...lines, ["", `and ${more} more: \`millrace watchers list\` shows all`] as const];
}
