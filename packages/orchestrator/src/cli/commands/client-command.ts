import { Command, Option } from "commander";
import { CLIENT_VARIABLES } from "../../config/client-config.ts";
import type { ClientFlags } from "../../config/client-config.ts";
import { OUTPUT_FORMATS, type OutputFormat } from "../output/output-format.ts";

/** The options of every command that talks to a server. */
export interface ClientOptions extends ClientFlags {
  readonly output: OutputFormat;
}

/** A command that talks to the running server: the one of $MILLRACE_HOME, or --server. */
export function clientCommand(name: string, summary: string, examples: readonly string[]): Command {
  return exampleCommand(name, summary, examples)
    .addOption(new Option("-o, --output <format>", "how to print").choices(OUTPUT_FORMATS).default("table"))
    .option("--server <url>", `address of the server, instead of that in $MILLRACE_HOME/server.json (${CLIENT_VARIABLES.server})`)
    .option("--token <token>", `token of that server (${CLIENT_VARIABLES.token})`);
}

export function exampleCommand(name: string, summary: string, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  $ ${example}`).join("\n");
  return new Command(name).description(summary).addHelpText("after", `\nExamples:\n${lines}`);
}
