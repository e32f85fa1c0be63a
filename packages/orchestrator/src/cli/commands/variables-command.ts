import { Command } from "commander";
import type { CommandContext } from "../create-program.ts";
import { clientCommand } from "./client-command.ts";

export function variablesCommand(context: CommandContext): Command {
  return new Command("variables")
    .description("Variables: settings that tasks ask for by name")
    .addCommand(listCommand(context))
    .addCommand(getCommand(context))
    .addCommand(setCommand(context))
    .addCommand(deleteCommand(context));
}

function listCommand(context: CommandContext): Command {
  return clientCommand("list", "the variables the server knows, and where each comes from", [
    "millrace variables list",
    "millrace variables list -o yaml",
  ]).action(async (options) => (await import("../actions/variable-actions.ts")).listVariables(context, options));
}

function getCommand(context: CommandContext): Command {
  return clientCommand("get", "the value of a variable; *** where its key is a secret's name", ["millrace variables get region"])
    .argument("<key>")
    .action(async (key, options) => (await import("../actions/variable-actions.ts")).getVariable(context, key, options));
}

function setCommand(context: CommandContext): Command {
  return clientCommand("set", "stores a variable, encrypted, or changes a stored one", [
    "millrace variables set region eu-west-1",
    "millrace variables set limits @limits.json --description 'per plant'",
  ])
    .argument("<key>")
    .argument("<value>", "text, @FILE, or - for standard input")
    .option("--description <text>")
    .action(async (key, value, options) => (await import("../actions/variable-actions.ts")).setVariable(context, key, value, options));
}

function deleteCommand(context: CommandContext): Command {
  return clientCommand("delete", "deletes a stored variable", ["millrace variables delete region"])
    .argument("<key>")
    .action(async (key, options) => (await import("../actions/variable-actions.ts")).deleteVariable(context, key, options));
}
