import type { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function publishCommand(context: CommandContext): Command {
  const collect = (header: string, headers: readonly string[] | undefined): readonly string[] => [...(headers ?? []), header];
  return clientCommand("publish", "sends a message to a queue, to try out what waits for it", [
    'millrace publish kafka_default --queue readings --body \'{"sensor": "s1", "celsius": 90}\' --key s1',
    "millrace publish aws_default --queue https://sqs.eu-west-1.amazonaws.com/123456789012/files --body @message.json",
    "echo hello | millrace publish kafka_default --queue readings --body - --header unit=celsius --count 10",
  ])
    .argument("<connection>", "id of the connection; of this command's environment, where the server does not know it")
    .requiredOption("--queue <queue>", "the queue's URL, or the name of the queue or topic")
    .requiredOption("--body <body>", "the message: text, @FILE, or - for standard input")
    .option("--key <key>", "messages of one key keep their order")
    .option("--header <name=value>", "may be given more than once", collect)
    .option("--count <n>", "how many copies", "1")
    .action(async (connection, options) => (await import("../actions/publish-action.ts")).publish(context, connection, options));
}
