import { type Command, Option } from "commander";
import { TEMPLATES } from "../project/write-project.ts";
import { exampleCommand } from "./client-command.ts";

const EXAMPLES = [
  "millrace init my-project",
  "millrace init my-project --template kafka",
  "npm run pack && npx millrace init ../my-project --packages dist    # in a checkout of Millrace",
];

export function initCommand(): Command {
  return exampleCommand("init", "makes a TypeScript project: a DAG, a test of it, and the connection to a local queue", EXAMPLES)
    .argument("<dir>", "a new or an empty folder")
    .addOption(new Option("--template <name>", "the queue that the DAG waits for").choices(TEMPLATES).default("sqs"))
    .option("--packages <dir>", "folder of tarballs to install Millrace from, instead of the registry")
    .action(async (dir, options) => (await import("../actions/init-action.ts")).initProject(dir, options));
}
