import { loadEnvFile } from "../config/env-file.ts";
import { reportError } from "./report-error.ts";
import { runCli } from "./run-cli.ts";

// `millrace … | head`: the reader has enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
try {
  loadEnvFile(process.cwd());
  process.exitCode = await runCli(process.argv.slice(2), process.env);
} catch (error) {
  process.exitCode = reportError(error, process.env);
}
