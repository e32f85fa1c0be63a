import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function connectionsCommand(context: CommandContext): Command {
  return new Command("connections")
    .description("Connections: addresses and secrets of outside systems")
    .addCommand(listCommand(context))
    .addCommand(getCommand(context))
    .addCommand(addCommand(context))
    .addCommand(testCommand(context))
    .addCommand(deleteCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the connections the server knows, and where each comes from; never a secret", [
    "millrace connections list",
    "millrace connections list -o json",
  ]).action(async (options) => (await import("../actions/connection-actions.ts")).listConnections(context, options));
}

function getCommand(context: CommandContext): Command {
  return clientCommand("get", "one connection; its secrets are shown as ***", ["millrace connections get kafka_default"])
    .argument("<connection>", "id of the connection")
    .action(async (id, options) => (await import("../actions/connection-actions.ts")).getConnection(context, id, options));
}

function addCommand(context: CommandContext): Command {
  const examples = [
    'millrace connections add kafka_plant --conn-type kafka --extra \'{"bootstrap.servers": "broker:9092"}\'',
    "millrace connections add aws_default --json @aws.json",
    "millrace connections add aws_default --replace --json - < aws.json",
    "millrace connections add kafka_local --uri kafka://127.0.0.1:9092",
  ];
  return clientCommand("add", "stores a connection, encrypted; what uses it is opened anew", examples)
    .argument("<connection>", "id of the connection")
    .option("--conn-type <type>", "its kind, like kafka or aws")
    .option("--host <host>")
    .option("--port <port>")
    .option("--login <login>")
    .option("--password <password>", "can be seen in the list of processes: prefer --json @FILE or -")
    .option("--schema <schema>")
    .option("--extra <json>", "more fields of its kind: JSON, @FILE or - for standard input")
    .option("--description <text>")
    .option("--uri <uri>", "all of it as a URI, or @FILE, or -")
    .option("--json <json>", "all of it as JSON, with the fields conn_type, host, login, password, port, schema, extra; or @FILE, or -")
    .option("--replace", "takes the place of a stored one of that id")
    .action(async (id, options) => (await import("../actions/add-connection-action.ts")).addConnection(context, id, options));
}

function testCommand(context: CommandContext): Command {
  return clientCommand("test", "connects, and says what it found or what is wrong; exit code 1 where it does not work", [
    "millrace connections test kafka_default",
  ])
    .argument("<connection>", "id of the connection; of this command's environment, where the server does not know it")
    .action(async (id, options) => (await import("../actions/test-connection-action.ts")).testConnectionById(context, id, options));
}

function deleteCommand(context: CommandContext): Command {
  return clientCommand("delete", "deletes a stored connection", ["millrace connections delete kafka_plant"])
    .argument("<connection>", "id of the connection")
    .action(async (id, options) => (await import("../actions/connection-actions.ts")).deleteConnection(context, id, options));
}
