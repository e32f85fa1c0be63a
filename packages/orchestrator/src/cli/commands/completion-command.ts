import { Argument, type Command } from "commander";
import { exampleCommand } from "./client-command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export function completionCommand(program: Command): Command {
  const examples = ["source <(millrace completion bash)", "millrace completion fish > ~/.config/fish/completions/millrace.fish"];
  return exampleCommand("completion", "prints what makes a shell complete this command", examples)
    .addArgument(new Argument("<shell>", "your shell").choices(SHELLS))
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { completionScript } = await import("../output/completion-script.ts");
      process.stdout.write(completionScript(shell, wordsByCommand(program, [])));
    });
}

/** What may follow each command: `["dags", "list"]` → its options, `[]` → the commands. */
function wordsByCommand(
  command: Command,
  path: readonly string[],
): readonly (readonly [path: readonly string[], words: readonly string[]])[] {
  const options = command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]));
  const words = [...command.commands.map((child) => child.name()), ...options, "--help"];
  return [[path, words], ...command.commands.flatMap((child) => wordsByCommand(child, [...path, child.name()]))];
}
