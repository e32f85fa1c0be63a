import { runCli } from "./run-cli.ts";

// `millrace … | head`: the reader has enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.exitCode = await runCli(process.argv.slice(2), process.env);
