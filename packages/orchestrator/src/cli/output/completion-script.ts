type Words = readonly (readonly [path: readonly string[], words: readonly string[]])[];

/** A script for the shell that completes commands and options; it asks no server. */
export function completionScript(shell: "bash" | "zsh" | "fish", words: Words): string {
  if (shell === "fish") return fishScript(words);
  const bash = bashScript(words);
  return shell === "zsh" ? `autoload -U +X bashcompinit && bashcompinit\n${bash}` : bash;
}

function bashScript(words: Words): string {
  const cases = words.map(([path, next]) => `    "${path.join(" ")}") next="${next.join(" ")}" ;;`);
  return `_millrace() {
  local path="" word next=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) break ;; *) case "$path" in *" "*) ;; *) path="\${path:+$path }$word" ;; esac ;; esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _millrace millrace
`;
}

function fishScript(words: Words): string {
  const lines = words.flatMap(([path, next]) => next.map((word) => fishLine(path, word)));
  return ["complete -c millrace -f", ...lines, ""].join("\n");
}

function fishLine(path: readonly string[], word: string): string {
  const seen = path.map((name) => `__fish_seen_subcommand_from ${name}`).join("; and ");
  const condition = path.length === 0 ? "__fish_use_subcommand" : seen;
  const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
  return `complete -c millrace -n '${condition}' ${what}`;
}
