import type { Config } from "../../config/config.ts";
import type { Role } from "../../domain/cluster.ts";
import type { Log } from "../../domain/log.ts";
import { createLog } from "../../telemetry/log.ts";
import { describeStart } from "./describe-start.ts";
import { type Server, startServer } from "./start-server.ts";

const EXIT_INTERRUPTED = 130;

/**
 * `millrace standalone` and its parts: runs until SIGTERM or SIGINT, which drain and exit 0; a second SIGINT exits at once.
 * @throws {MillraceError} what startServer throws
 */
export async function runServer(config: Config, roles: readonly Role[]): Promise<void> {
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  endAtFault(log);
  const onNewPassword = (password: string): void =>
    console.log(`The password of admin is ${password} (made up, and shown only now; MILLRACE_ADMIN_PASSWORD sets another)`);
  const onFenced = (): void => endAsFenced(log);
  const starting = startServer({ config, roles, environment: process.env, log, onNewPassword, onFenced });
  drainOnSignal(starting, config.drainMs, log);
  const server = await starting;
  console.log(await describeStart(server, config));
}

/** What it had is another's by now: whatever it still did would be refused. */
function endAsFenced(log: Log): void {
  log.error("another process took this one for dead and has taken over what it had: it ends (start it again: it joins the others anew)");
  process.exit(1);
}

/** A signal that comes during the start is heeded after it. */
function drainOnSignal(starting: Promise<Server>, drainMs: number, log: Log): void {
  let isInterrupted = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (signal === "SIGINT" && isInterrupted) process.exit(EXIT_INTERRUPTED);
    isInterrupted ||= signal === "SIGINT";
    log.info(`${signal}: finishing what is under way, at most ${drainMs} ms; Ctrl-C again ends at once`);
    // A start that failed is told by whoever waits for it.
    const drain = async (server: Server): Promise<void> => {
      await server.stop(drainMs);
      process.exit(0);
    };
    void starting.then(drain, () => undefined);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

/** What is stored is safe (P5): the next start goes on from there. */
function endAtFault(log: Log): void {
  process.on("uncaughtException", (error: unknown) => {
    const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    const place = /\n\s+at (.*)/.exec(stack)?.[1] ?? "an unknown place";
    log.error(
      `INTERNAL: a fault ended the server: ${name}: ${message.split("\n")[0]}, at ${place} (start it again: it goes on from what is stored)`,
    );
    log.debug(stack);
    process.exit(1);
  });
}
