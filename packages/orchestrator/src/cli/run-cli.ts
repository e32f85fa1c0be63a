import { CommanderError } from "commander";
import type { Environment } from "../config/config.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { createProgram } from "./create-program.ts";
import { reportError } from "./report-error.ts";

/** Runs one command; everything it throws is told on standard error. */
export async function runCli(args: readonly string[], env: Environment): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.success;
  const program = createProgram({ env, setExitCode: (code) => (exitCode = code) });
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has already written what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.success : EXIT.usage;
    return reportError(error, env);
  }
}
