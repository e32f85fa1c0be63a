import type { Config } from "../../config/config.ts";
import { createLog } from "../../telemetry/log.ts";
import { startStandalone } from "./start-standalone.ts";

/**
 * `millrace standalone`: runs until SIGTERM or SIGINT, which drain and exit 0; a second SIGINT exits at once.
 * @throws {MillraceError} what startStandalone throws
 */
export async function runStandalone(config: Config): Promise<void> {
  const log = createLog({ level: config.logLevel, format: config.logFormat });
  const server = await startStandalone({ config, environment: process.env, log });
  console.log(`Millrace runs at ${server.address}, with its files in ${config.home}`);
  if (server.newPassword !== null) console.log(`Log in as admin with the password ${server.newPassword} (shown once; MILLRACE_ADMIN_PASSWORD sets another)`);
  const isAgain = { SIGINT: false };
  const stop = (signal: NodeJS.Signals): void => {
    if (signal === "SIGINT" && isAgain.SIGINT) process.exit(130);
    if (signal === "SIGINT") isAgain.SIGINT = true;
    log.info(`${signal}: finishing what is under way, at most ${config.drainMs} ms; Ctrl-C again ends at once`);
    void server.stop(config.drainMs).then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
