import { relative, resolve } from "node:path";
import { bold } from "../output/print.ts";
import { type Template, writeProject } from "../project/write-project.ts";

interface InitOptions {
  readonly template: Template;
  readonly packages?: string;
}

const RUN_COMMANDS: Readonly<Record<Template, readonly string[]>> = {
  sqs: ["npm run queue    # an SQS server in memory; go on in a second terminal", "npm start"],
  kafka: ["npm start        # with a broker at 127.0.0.1:9092, or the one in .env"],
};

/** `millrace init`. @throws {MillraceError} USAGE */
export function initProject(dir: string, { template, packages }: InitOptions): void {
  const folder = resolve(dir);
  writeProject({ folder, template, packages: packages === undefined ? null : resolve(packages) });
  const path = relative(process.cwd(), folder);
  const commands = [...(path === "" ? [] : [`cd ${quote(path)}`]), "npm install", "npm test", ...RUN_COMMANDS[template]];
  const lines = commands.map((command) => `  ${command}`).join("\n");
  console.log(
    `A project is in ${bold(path === "" ? "this folder" : path)}: a DAG, a test of it, and the connection to its queue in .env.\n`,
  );
  console.log(`${bold("Next")}, with Node 24.6 or newer\n${lines}\n\nREADME.md goes on from there.`);
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
